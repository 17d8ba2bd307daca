#!/usr/bin/env node
import { runCommand } from './commands.ts';

// Whoever reads along may have seen enough, as `head` has.
process.stdout.on('error', () => process.exit(2));

const code = await runCommand(process.argv.slice(2));
// A server runs until it is told to stop; every other command is over.
if (code !== undefined) process.exit(code);
