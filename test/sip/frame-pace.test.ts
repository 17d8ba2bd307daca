import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import type { ControlSocket } from '../../src/sip/drachtio.ts';
import { FrameTooLong, paceFrames } from '../../src/sip/frame-pace.ts';
import { SIP_LIMITS } from '../../src/sip/limits.ts';

/** Frames as the client library does. */
class Connections extends EventEmitter {
  #count = 0;

  send(socket: ControlSocket, command: string): string {
    const id = `id${++this.#count}`;
    const frame = `${id}|${command}`;
    socket.write(`${Buffer.byteLength(frame)}#${frame}`);
    return id;
  }
}

class Connection {
  readonly written: string[] = [];
  destroyed = false;

  write(frame: string): void {
    this.written.push(frame);
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** Ids of the frames that left. */
  get ids(): string[] {
    return this.written.map((frame) => /#([^|]*)/.exec(frame)?.[1] ?? '');
  }
}

const long = (bytes: number): string => `sip|t|\r\nSIP/2.0 200 OK\r\nX: ${'é'.repeat(bytes / 2)}\r\n\r\n`;

describe('the pace of frames to a SIP server', () => {
  let connections: Connections;
  let socket: Connection;

  beforeEach(() => {
    connections = new Connections();
    socket = new Connection();
    paceFrames(connections);
  });

  const answer = (id: string): boolean => connections.emit('msg', socket, `x|response|${id}|OK|…`);

  it('lets short ones follow each other', () => {
    for (let count = 0; count < 100; count++) connections.send(socket, 'ping');
    expect(socket.written).to.have.length(100);
  });

  it('lets nothing follow a long one till it is answered, in order', () => {
    const [first, second, third, fourth] = [long(5_000), 'ping', long(5_000), 'ping'].map((command) =>
      connections.send(socket, command),
    );
    expect(socket.ids).to.deep.equal([first]);
    answer('another');
    connections.emit('msg', socket, 'x|sip|network|1|udp|…');
    expect(socket.ids).to.deep.equal([first]);
    answer(first ?? '');
    expect(socket.ids).to.deep.equal([first, second, third]);
    answer(third ?? '');
    expect(socket.ids).to.deep.equal([first, second, third, fourth]);
  });

  it('ends a connection on which a long one stays unanswered while others pile up', () => {
    connections.send(socket, long(5_000));
    for (let count = 0; count < SIP_LIMITS.waitingFrames; count++) connections.send(socket, 'ping');
    expect(socket.destroyed).to.equal(false);
    connections.send(socket, 'ping');
    expect(socket.destroyed).to.equal(true);
    expect(socket.written).to.have.length(1);
  });

  const response = (headers: Readonly<Record<string, number>>, body = ''): string =>
    [
      'sip|t|',
      'SIP/2.0 200 OK',
      ...Object.entries(headers).map(([name, length]) => `${name}: ${'n'.repeat(length)}`),
      'Content-Length: 4',
      '',
      body,
    ].join('\r\n');
  const sent = (): string => socket.written[0] ?? '';

  it('leaves out of a response what the server knows of the request, To last', () => {
    connections.send(socket, response({ 'Call-ID': 10, from: 6_000, to: 6_000 }, 'body'));
    expect(sent()).to.match(/SIP\/2\.0 200 OK\r\nto: n+\r\nContent-Length: 4\r\n\r\nbody$/);
  });

  it('leaves To out too', () => {
    connections.send(socket, response({ to: SIP_LIMITS.frame }, 'body'));
    expect(sent()).to.match(/SIP\/2\.0 200 OK\r\nContent-Length: 4\r\n\r\nbody$/);
  });

  it('says 513 in place of a response of ours that is too long', () => {
    connections.send(socket, response({ 'X-Ours': SIP_LIMITS.frame }, 'body'));
    expect(sent()).to.match(/\|sip\|t\|\r\nSIP\/2\.0 513 Message Too Large\r\nContent-Length: 0\r\n\r\n$/);
  });

  it('sends no request that is too long', () => {
    const request = `sip||\r\nMESSAGE sip:a SIP/2.0\r\nX: ${'x'.repeat(SIP_LIMITS.frame)}\r\n\r\n`;
    expect(() => connections.send(socket, request)).to.throw(FrameTooLong);
    expect(socket.written).to.deep.equal([]);
  });
});
