import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { SipStream } from './sip-stream.ts';

/*
 * The least a presence server can do, in a process of its own: 200 with a tag to every request, over UDP and TCP, and nothing
 * kept. Its parent is told the ports, asks for the counts with any message, and takes it along when it ends.
 */

let publishes = 0;
let toMailboxes = 0;

function answer(request: string): string {
  if (request.startsWith('PUBLISH ')) {
    publishes++;
    if (request.startsWith('PUBLISH sip:user')) toMailboxes++;
  }
  const head = request.slice(0, request.indexOf('\r\n\r\n')).split('\r\n');
  const copied = head.filter((line) => /^(via|from|call-id|cseq|expires):/i.test(line));
  const to = head.find((line) => /^to:/i.test(line)) ?? 'To: <sip:nobody@invalid>';
  const tagged = to.includes(';tag=') ? to : `${to};tag=answerer`;
  return ['SIP/2.0 200 OK', ...copied, tagged, `SIP-ETag: ${publishes}`, 'Content-Length: 0', '', ''].join(
    '\r\n',
  );
}

const isRequest = (message: string): boolean => /^[A-Z]/.test(message) && !message.startsWith('SIP/2.0');

const udp = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
udp.on('message', (datagram, { port, address }) => {
  const message = datagram.toString('latin1');
  if (isRequest(message)) udp.send(answer(message), port, address);
});
udp.bind(0, '127.0.0.1');

const tcp = createServer({ noDelay: true }, (connection) => {
  const stream = new SipStream();
  connection.on('error', () => connection.destroy());
  connection.on('data', (bytes: Buffer) => {
    const answers = stream.push(bytes).filter(isRequest).map(answer);
    if (answers.length > 0) connection.write(answers.join(''));
  });
});
tcp.listen(0, '127.0.0.1');

await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
process.on('message', () => process.send?.({ publishes, toMailboxes }));
process.on('disconnect', () => process.exit(0));
process.send?.({ udp: udp.address().port, tcp: (tcp.address() as AddressInfo).port });
