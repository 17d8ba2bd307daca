import { expect } from 'chai';
import { MessageSummaryPackage } from '../../src/presence/message-summary-package.ts';
import { ACCOUNT, ALICE, BOB, texts } from './presence-fixture.ts';

const VOICE_ACCOUNT = 'sip:voicemail@example.test';
const lamp = new MessageSummaryPackage();

const voice = (fresh: number, account: string | null = VOICE_ACCOUNT): string =>
  texts(fresh, 0, account).replace('Text-Message', 'Voice-Message');

describe('the message-summary package', () => {
  it('has nothing to say of no publications', () => {
    expect(lamp.compose([])).to.equal(null);
  });

  it('says what a single publication says', () => {
    expect(lamp.compose([texts(2, 1)])).to.equal(texts(2, 1));
  });

  it('shows voice and text of two publishers together', () => {
    expect(lamp.compose([voice(1), texts(0, 3)])).to.equal(
      `Messages-Waiting: yes\r\nMessage-Account: ${VOICE_ACCOUNT}\r\nVoice-Message: 1/0\r\nText-Message: 0/3\r\n`,
    );
  });

  it('adds up one class of different accounts, and of publications without account', () => {
    const other = 'sip:other@example.test';
    expect(lamp.compose([texts(1, 2, other), texts(2, 1)])).to.contain('Text-Message: 3/3\r\n');
    expect(lamp.compose([texts(1, 2, null), texts(2, 1, null)])).to.equal(texts(3, 3, null));
  });

  it('keeps a sum of counts within 32 bits', () => {
    expect(lamp.compose([texts(2 ** 32 - 1, 0, null), texts(1, 0, null)])).to.equal(
      texts(2 ** 32 - 1, 0, null),
    );
  });

  it('adds urgent counts where only one publication tells them apart', () => {
    const urgent = texts(1, 1, null).replace('1/1', '1/1 (1/0)');
    expect(lamp.compose([texts(2, 1, null), urgent])).to.contain('Text-Message: 3/2 (1/0)\r\n');
  });

  it('takes a body that says clearly what waits, and no other', () => {
    expect(lamp.validate(texts(1))).to.equal(true);
    expect(lamp.validate('Messages-Waiting: yes\nX-Unknown: 1\n')).to.equal(true);
    expect(lamp.validate('Text-Message: 1/0\r\n')).to.equal(false);
    expect(lamp.validate(texts(1).replace('1/0', 'one'))).to.equal(false);
    expect(lamp.validate(`${texts(1)}Text-Message: 2/0\r\n`)).to.equal(false);
  });

  it('takes the newer of two publications for one account, so a publication left behind keeps no lamp lit', () => {
    expect(lamp.compose([texts(3), texts(0, 3)])).to.equal(texts(0, 3));
  });

  it('keeps the class that only the older publication of an account counts', () => {
    const both = `Messages-Waiting: yes\r\nMessage-Account: ${ACCOUNT}\r\nVoice-Message: 1/0\r\nText-Message: 2/0\r\n`;
    expect(lamp.compose([both, texts(0)])).to.equal(
      `Messages-Waiting: yes\r\nMessage-Account: ${ACCOUNT}\r\nVoice-Message: 1/0\r\nText-Message: 0/0\r\n`,
    );
    expect(lamp.compose([both.replace('1/0', '0/4'), texts(0)])).to.contain('Messages-Waiting: no\r\n');
  });

  it('takes a newer publication without counts for a word about the whole account', () => {
    const none = `Messages-Waiting: no\r\nMessage-Account: ${ACCOUNT}\r\n`;
    expect(lamp.compose([texts(3), none])).to.equal(none);
    expect(lamp.compose([`Messages-Waiting: yes\r\nMessage-Account: ${ACCOUNT}\r\n`, texts(0)])).to.equal(
      texts(0),
    );
    expect(lamp.compose([texts(3), none, texts(1)])).to.equal(texts(1));
  });

  it('believes a publication that says messages wait and counts none', () => {
    expect(lamp.compose(['Messages-Waiting: yes\r\n', texts(0)])).to.contain('Messages-Waiting: yes\r\n');
  });

  it('names the account with texts waiting, else one with anything waiting, else the newest named', () => {
    const account = (...bodies: string[]): string | undefined =>
      /^Message-Account: (.*)\r$/m.exec(lamp.compose(bodies) ?? '')?.[1];
    expect(account(texts(1), voice(1))).to.equal(ACCOUNT);
    expect(account(voice(1), texts(0))).to.equal(VOICE_ACCOUNT);
    expect(account(voice(0), texts(0))).to.equal(ACCOUNT);
    expect(account(voice(1), texts(1, 0, null))).to.equal(VOICE_ACCOUNT);
  });

  it('keeps the header blocks of the messages that are still counted', () => {
    const block = 'Subject: carpool\r\n';
    const other = 'sip:other@example.test';
    expect(lamp.compose([`${texts(1, 0, other)}\r\n${block}`, texts(1)])).to.equal(`${texts(2)}\r\n${block}`);
    expect(lamp.compose([`${texts(1)}\r\n${block}`, texts(0, 1)])).to.equal(texts(0, 1));
  });

  it('clears every class of the last state in the neutral body and keeps its account', () => {
    const last = lamp.compose([voice(2), texts(1).replace('1/0', '1/0 (1/0)')]);
    expect(lamp.neutralBody(last)).to.equal(
      `Messages-Waiting: no\r\nMessage-Account: ${ACCOUNT}\r\nVoice-Message: 0/0\r\nText-Message: 0/0 (0/0)\r\n`,
    );
  });

  it('clears what many publications composed, however many headers they gave', () => {
    const headers = `\r\n${'A:\r\n'.repeat(200)}`;
    const bodies = ['sip:a@example.test', 'sip:b@example.test'].map(
      (account) => texts(1, 0, account) + headers,
    );
    expect(lamp.neutralBody(lamp.compose(bodies))).to.equal(texts(0, 0, 'sip:b@example.test'));
  });

  it('says that nothing waits where nothing was ever published, with the account if it knows one', () => {
    expect(lamp.neutralBody(null)).to.equal('Messages-Waiting: no\r\n');
    expect(new MessageSummaryPackage(ACCOUNT).neutralBody(null)).to.equal(
      `Messages-Waiting: no\r\nMessage-Account: ${ACCOUNT}\r\n`,
    );
  });

  it('lets the owner watch, and nobody else', () => {
    expect(lamp.mayWatch(ALICE, ALICE)).to.equal(true);
    expect(lamp.mayWatch(BOB, ALICE)).to.equal(false);
    expect(lamp.mayWatch(null, ALICE)).to.equal(false);
  });
});
