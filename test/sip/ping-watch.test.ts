import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import { SIP_LIMITS } from '../../src/sip/limits.ts';
import type { ControlConnections } from '../../src/sip/drachtio.ts';
import { watchPings } from '../../src/sip/ping-watch.ts';
import { FakeClock } from '../doubles/fake-clock.ts';

class Connection {
  destroyed = false;
  write(): void {
    throw new Error('nothing is sent here');
  }
  destroy(): void {
    this.destroyed = true;
  }
}

describe('the watch over pings', () => {
  let clock: FakeClock;
  let connections: EventEmitter;
  let socket: Connection;
  let silent: number;
  let unwatch: () => void;

  beforeEach(() => {
    clock = new FakeClock();
    connections = new EventEmitter();
    socket = new Connection();
    silent = 0;
    unwatch = watchPings(connections as unknown as ControlConnections, clock, () => silent++);
  });

  const ping = (msgId: string): boolean => connections.emit('ping', { msgId, socket });
  const frame = (text: string): boolean => connections.emit('msg', socket, text);

  it('lets a connection be whose pings are answered', async () => {
    for (const id of ['one', 'two', 'three']) {
      ping(id);
      await clock.advance(SIP_LIMITS.pingInterval);
      frame(`x|response|${id}|OK|pong`);
      await clock.advance(SIP_LIMITS.pingDeadline);
    }
    expect(socket.destroyed).to.equal(false);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('ends one whose ping is not answered, whatever else comes on it', async () => {
    ping('one');
    await clock.advance(SIP_LIMITS.pingDeadline - 1);
    frame('x|sip|network|1|udp|127.0.0.1|5060|00:00:00.000000|t||\r\nMESSAGE sip:one SIP/2.0');
    frame('x|response|other|OK');
    ping('two');
    expect(socket.destroyed).to.equal(false);
    await clock.advance(1);
    expect(socket.destroyed).to.equal(true);
    expect(silent).to.equal(1);
  });

  it('minds no ping of a connection that is gone, nor any once it ended', async () => {
    ping('one');
    connections.emit('close', socket);
    expect(clock.pendingTimers).to.equal(0);
    ping('two');
    unwatch();
    expect(clock.pendingTimers).to.equal(0);
    await clock.advance(SIP_LIMITS.pingDeadline);
    expect(socket.destroyed).to.equal(false);
  });
});
