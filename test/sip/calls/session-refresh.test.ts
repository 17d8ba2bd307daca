import { expect } from 'chai';
import { MsrpChat, chatOffer } from '../../doubles/msrp-chat.ts';
import { ALICE, CallerSite, bodyOf } from './caller-site.ts';

describe('a session timer in a call (RFC 4028)', () => {
  let site: CallerSite;

  beforeEach(async () => {
    site = await CallerSite.open();
  });

  afterEach(async () => await site.close());

  it('that would be too short gets 422 with the least we take', async () => {
    const phone = await site.phone();
    const body = chatOffer(MsrpChat.localPath());
    const headers = ['Supported: timer', 'Session-Expires: 60'];
    const { answer } = await phone.invite(ALICE, { headers, body });
    expect([answer.status, answer.header('Min-SE')]).to.deep.equal([422, '90']);
  });

  it('is the caller’s to refresh when it can; when it does not, the call is ended with a reason', async () => {
    const headers = ['Supported: timer', 'Session-Expires: 90'];
    const { call, own } = await site.chatting(ALICE, { headers });
    expect(call.answer.header('Session-Expires')).to.equal('90;refresher=uac');
    expect(call.answer.header('Require')).to.equal('timer');
    for (let round = 0; round < 2; round++) {
      await site.jump(call, 45_000);
      const refreshed = await call.request('UPDATE', { headers });
      expect(refreshed.header('Session-Expires')).to.equal('90;refresher=uac');
    }
    await site.jump(call, 40_000);
    const last = await call.request('INVITE', { headers, body: chatOffer(own) });
    expect(last.header('Session-Expires')).to.equal('90;refresher=uac');
    await site.jump(call, 60_000);
    const bye = await call.next('BYE');
    expect(bye.header('Reason')).to.equal('SIP;cause=408;text="the session was not refreshed in time"');
    call.respond(bye, 200);
  });

  it('is ours to refresh where the caller cannot: by re-INVITE with the SDP as it was', async () => {
    const { call, chat, own } = await site.chatting(ALICE, {
      headers: ['Session-Expires: 90'],
    });
    expect(call.answer.header('Session-Expires')).to.equal('90;refresher=uas');
    expect(call.answer.header('Require')).to.equal('');
    for (let round = 0; round < 2; round++) {
      await site.jump(call, 45_000);
      const refresh = await call.next('INVITE');
      expect(refresh.header('Session-Expires')).to.equal('90;refresher=uac');
      expect(refresh.header('Supported')).to.equal('timer');
      expect(bodyOf(refresh)).to.equal(call.sdp);
      call.respond(refresh, 200, { body: chatOffer(own) });
      await call.next('ACK');
    }
    expect((await chat.send('text/plain', 'still here')).status).to.equal(200);
  });

  it('is refreshed by UPDATE without SDP where the caller takes that, else by re-INVITE after all', async () => {
    const { call, own } = await site.chatting(ALICE, {
      headers: ['Session-Expires: 90', 'Allow: INVITE, UPDATE'],
    });
    await site.jump(call, 45_000);
    const refresh = await call.next('UPDATE');
    expect(bodyOf(refresh)).to.equal('');
    expect(refresh.header('Contact')).to.match(/^<sip:/);
    call.respond(refresh, 200, { headers: ['Session-Expires: 90;refresher=uac'] });
    await site.jump(call, 45_000);
    call.respond(await call.next('UPDATE'), 405);
    const instead = await call.next('INVITE');
    expect(bodyOf(instead)).to.equal(call.sdp);
    call.respond(instead, 200, { body: chatOffer(own) });
    await call.next('ACK');
  });

  it('that the caller wants longer is asked for so', async () => {
    const { call } = await site.chatting(ALICE, {
      headers: ['Session-Expires: 90', 'Allow: UPDATE'],
    });
    await site.jump(call, 45_000);
    call.respond(await call.next('UPDATE'), 422, { headers: ['Min-SE: 300'] });
    const longer = await call.next('UPDATE');
    expect(longer.header('Session-Expires')).to.equal('300;refresher=uac');
    call.respond(longer, 200, { headers: ['Session-Expires: 300;refresher=uac'] });
  });

  it('whose refresh crosses a re-INVITE puts that off with 491, and one that gets 491 comes again', async () => {
    const { call, own } = await site.chatting(ALICE, {
      headers: ['Session-Expires: 90', 'Allow: UPDATE'],
    });
    await site.jump(call, 45_000);
    const refresh = await call.next('UPDATE');
    expect((await call.request('INVITE', { body: chatOffer(own) })).status).to.equal(491);
    call.respond(refresh, 491);
    await site.jump(call, 2_001);
    call.respond(await call.next('UPDATE'), 200);
    expect((await call.request('OPTIONS')).status).to.equal(200);
    expect((await call.request('INVITE', { body: chatOffer(own) })).status).to.equal(200);
  });

  it('whose refresh nobody knows (481) ends the call', async () => {
    const { call } = await site.chatting(ALICE, {
      headers: ['Session-Expires: 90'],
    });
    await site.jump(call, 45_000);
    call.respond(await call.next('INVITE'), 481);
    const bye = await call.next('BYE');
    expect(bye.header('Reason')).to.equal('SIP;cause=408;text="the session is not known any more"');
    call.respond(bye, 200);
  });
});
