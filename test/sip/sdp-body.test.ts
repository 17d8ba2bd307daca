import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import { SipRefusal } from '../../src/sip/refusal.ts';
import { sdpOf } from '../../src/sip/sdp-body.ts';

const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n';

function message(
  body: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Parameters<typeof sdpOf>[0] {
  return { body, get: (name) => headers[name] };
}

async function refusal(body: string, headers: Readonly<Record<string, string>>): Promise<number> {
  const error = await sdpOf(message(body, headers)).catch((reason: unknown) => reason);
  return error instanceof SipRefusal ? error.status : 0;
}

describe('the session description in a body', () => {
  it('is there or not', async () => {
    expect(await sdpOf(message(undefined))).to.equal(undefined);
    expect(await sdpOf(message(''))).to.equal(undefined);
    expect(await sdpOf(message(SDP, { 'Content-Type': 'Application/SDP;charset=utf-8' }))).to.equal(SDP);
  });

  it('is found among several parts, whatever stands around it', async () => {
    const part = `Content-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n${SDP}`;
    const other = 'Content-Type: application/isup;version=x\r\n\r\nv=0 but not really\r\n';
    const bodies = [
      `--b\r\n${part}--b--\r\n`,
      `a preamble\r\n--b\r\n${other}\r\n--b\r\n${part}\r\n--b--\r\nan epilogue`,
      `--b\r\n${part}`,
      `--b  \r\ncontent-type:\r\n application/sdp\r\n\r\n${SDP}\r\n--b--`,
    ];
    for (const body of bodies) {
      const found = await sdpOf(message(body, { 'Content-Type': 'multipart/mixed; boundary="b"' }));
      expect(found, JSON.stringify(body)).to.match(/^v=0\r\no=- 1 1 IN IP4 192\.0\.2\.1\r?\n?/);
    }
  });

  it('is decoded', async () => {
    const base64 = { 'Content-Type': 'application/sdp', 'Content-Transfer-Encoding': 'base64' };
    expect(await sdpOf(message(Buffer.from(SDP).toString('base64'), base64))).to.equal(SDP);
    const deflated = deflateSync(SDP).toString('base64');
    expect(await sdpOf(message(deflated, { ...base64, 'Content-Encoding': 'deflate' }))).to.equal(SDP);
    const part = `Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
    const body = `--b\r\n${part}${Buffer.from(SDP).toString('base64')}\r\n--b--\r\n`;
    expect(await sdpOf(message(body, { 'Content-Type': 'multipart/mixed;boundary=b' }))).to.equal(SDP);
  });

  it('that is not there among what is gets 415, and one that cannot be decoded 400', async () => {
    expect(await refusal('x', {})).to.equal(415);
    expect(await refusal('x', { 'Content-Type': 'text/plain' })).to.equal(415);
    expect(await refusal('x', { 'Content-Type': 'multipart/mixed' })).to.equal(415);
    const mixed = { 'Content-Type': 'multipart/mixed;boundary=b' };
    expect(await refusal('--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--', mixed)).to.equal(415);
    expect(await refusal(`--b--\r\n--b\r\nContent-Type: application/sdp\r\n\r\n${SDP}`, mixed)).to.equal(415);
    const coded =
      '--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--b--';
    expect(await refusal(coded, mixed)).to.equal(400);
  });

  it('that unpacks to more than any SDP has gets 413', async () => {
    const bomb = deflateSync(Buffer.alloc(10_000_000, 97)).toString('base64');
    const headers = {
      'Content-Type': 'application/sdp',
      'Content-Transfer-Encoding': 'base64',
      'Content-Encoding': 'deflate',
    };
    expect(await refusal(bomb, headers)).to.equal(413);
  });
});
