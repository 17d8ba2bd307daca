import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const HOST = '127.0.0.1';

/**
 * Below the range the kernel takes ports from by itself (32768 on Linux), so that no listen(0) and no
 * outgoing connection of a test beside this one takes the port between our look and the program's bind.
 */
const FIRST = 20_000;
const LAST = 31_999;
const ATTEMPTS = 200;

const handedOut = new Set<number>();

/**
 * The first of `count` adjacent ports on 127.0.0.1 that are free for UDP and for TCP.
 * A port is handed out once per test run. Rejects when none is found.
 */
export async function freePort(count = 1): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = randomInt(FIRST, LAST - count + 1);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if (ports.some((port) => handedOut.has(port))) continue;
    const free = await Promise.all(ports.map(isFree));
    if (free.includes(false)) continue;
    for (const port of ports) handedOut.add(port);
    return first;
  }
  throw new Error(`no free port between ${FIRST} and ${LAST} in ${ATTEMPTS} attempts`);
}

/** Whether a program listens for TCP on this port of 127.0.0.1. */
export function isListenedOn(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function isFree(port: number): Promise<boolean> {
  return (await bindsUdp(port)) && (await bindsTcp(port));
}

function bindsUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, HOST, () => socket.close(() => resolve(true)));
  });
}

function bindsTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
