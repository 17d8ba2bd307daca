import { expect } from 'chai';
import { automaticSigns } from '../../src/sip/automatic-signs.ts';
import type { DrachtioRequest } from '../../src/sip/drachtio.ts';

function request(headers: Readonly<Record<string, string>>): DrachtioRequest {
  return {
    method: 'MESSAGE',
    uri: 'sip:alice@example.test',
    source_address: '127.0.0.1',
    source_port: 5060,
    protocol: 'udp',
    body: '',
    get: (name: string) => headers[name],
    has: (name: string) => headers[name] !== undefined,
    on() {
      return this;
    },
  };
}

describe('what a request says of having been written by a program', () => {
  it('is nothing where a person wrote', () => {
    expect(automaticSigns(request({ Contact: '<sip:bob@192.0.2.1>' }))).to.deep.equal({
      ownMark: false,
      autoSubmitted: null,
      precedence: null,
      autoResponseSuppress: null,
      listId: null,
      automata: false,
    });
  });

  it('is read from the headers of mail and from our own mark', () => {
    const headers = {
      'X-Text-Mailbox-Delivery': 'yes',
      'Auto-Submitted': 'auto-replied',
      Precedence: 'bulk',
      'X-Auto-Response-Suppress': 'All',
      'List-Id': '<x>',
    };
    expect(automaticSigns(request(headers))).to.deep.equal({
      ownMark: true,
      autoSubmitted: 'auto-replied',
      precedence: 'bulk',
      autoResponseSuppress: 'All',
      listId: '<x>',
      automata: false,
    });
  });

  const contacts: readonly (readonly [Readonly<Record<string, string>>, boolean])[] = [
    [{ Contact: '<sip:bot@192.0.2.1>;automata' }, true],
    [{ Contact: '<sip:bot@192.0.2.1>;Automata="TRUE";q=1' }, true],
    [{ Contact: '<sip:x@192.0.2.1>, "a, b" <sip:bot@192.0.2.1>; automata' }, true],
    [{ 'Accept-Contact': '*;automata;require' }, true],
    [{ Contact: '<sip:bot@192.0.2.1>;automata="FALSE"' }, false],
    [{ Contact: '<sip:bot@192.0.2.1>;automata="!TRUE"' }, false],
    [{ Contact: '<sip:bot@192.0.2.1;automata>' }, false],
    [{ Contact: '<sip:bot@192.0.2.1>;automatas' }, false],
    [{ Contact: '";automata" <sip:bot@192.0.2.1>' }, false],
  ];
  for (const [headers, expected] of contacts) {
    it(`is ${expected ? '' : 'not '}${JSON.stringify(headers)}`, () => {
      expect(automaticSigns(request(headers)).automata).to.equal(expected);
    });
  }
});
