import { hostname } from 'node:os';
import { z } from 'zod';
import { databaseUrl, hostPort, optional, parsed } from './values.ts';
import { variable } from './variable.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** The process: its database, its name, and what it tells the operator. */
export const OPERATION_VARIABLES = {
  DATABASE_URL: variable(
    z
      .string()
      .default('sqlite:./data/mailbox.db')
      .transform(parsed(databaseUrl, 'sqlite:FILE or mysql://USER:PASSWORD@HOST:PORT/DATABASE')),
    'Where texts are kept: `sqlite:FILE` for one node, `mysql://USER:PASSWORD@HOST:PORT/DATABASE` for MySQL, MariaDB and Galera.',
  ),
  DATA_DIR: variable(z.string().min(1).default('./data'), 'Folder for what the program makes itself.'),
  NODE_NAME: variable(
    z.string().min(1).max(64).default(hostname().slice(0, 64)),
    'Name of this node among those that share a database; must differ between them.',
    'the host’s name',
  ),
  HTTP_LISTEN: variable(
    z.string().default('').transform(optional(hostPort, 'HOST:PORT')),
    'Where `/live`, `/ready`, `/status` and `/metrics` (Prometheus) are served. Unset: nowhere.',
  ),
  HTTP_TOKEN: variable(
    z.string().max(256).default(''),
    'Bearer token for what changes something over HTTP (`PUT /voicemail/USER`, `POST /online`). Unset: nothing does.',
  ),
  LOG_LEVEL: variable(z.enum(LOG_LEVELS).default('info'), `One of ${LOG_LEVELS.join(', ')}.`),
};
