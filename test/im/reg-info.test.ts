import { expect } from 'chai';
import fc from 'fast-check';
import { IM_LIMITS } from '../../src/im/limits.ts';
import type { RegInfo, RegisteredContact } from '../../src/im/reg-info.ts';
import { MalformedRegInfo, REG_INFO_NAMESPACE, parseRegInfo } from '../../src/im/reg-info.ts';
import { fixture, fixtures } from './fixtures.ts';

const nothingMore: Pick<RegisteredContact, 'expires' | 'callId' | 'methods'> = {
  expires: null,
  callId: null,
  methods: null,
};

function document(contacts: number, padding = 0): Buffer {
  const contact = (id: number): string =>
    `<contact id="${id}" state="active" event="created"><uri>sip:a@192.0.2.1:${id}</uri></contact>`;
  return Buffer.from(
    `<reginfo xmlns="${REG_INFO_NAMESPACE}" version="1" state="full">` +
      '<registration aor="sip:a@example.test" id="1" state="active">' +
      Array.from({ length: contacts }, (_each, id) => contact(id)).join('') +
      `</registration>${' '.repeat(padding)}</reginfo>`,
  );
}

describe('registration information (RFC 3680 §5)', () => {
  const read: Readonly<Record<string, RegInfo>> = {
    'two-contacts': {
      version: 0,
      state: 'full',
      registrations: [
        {
          aor: 'sip:alice@example.test',
          id: 'a7',
          state: 'active',
          contacts: [
            {
              id: '76',
              state: 'active',
              event: 'registered',
              expires: 1800,
              callId: 'k3@192.0.2.17',
              uri: 'sip:alice@192.0.2.17:5060',
              methods: ['INVITE', 'ACK', 'BYE', 'MESSAGE'],
            },
            { ...nothingMore, id: '77', state: 'terminated', event: 'expired', uri: 'sip:alice@192.0.2.34' },
          ],
        },
      ],
    },
    'partial-prefixed': {
      version: 17,
      state: 'partial',
      registrations: [
        {
          aor: 'sip:bob@example.test',
          id: 'b1',
          state: 'terminated',
          contacts: [
            {
              ...nothingMore,
              id: '1',
              state: 'terminated',
              event: 'unregistered',
              expires: 0,
              uri: 'sip:bob@[2001:db8::9];transport=tcp',
            },
          ],
        },
      ],
    },
    'init-without-contacts': {
      version: 0,
      state: 'full',
      registrations: [{ aor: 'sip:carol@example.test', id: 'c', state: 'init', contacts: [] }],
    },
    'public-gruu': {
      version: 2,
      state: 'full',
      registrations: [
        {
          aor: 'sip:dave@example.test',
          id: 'd9',
          state: 'active',
          contacts: [
            {
              ...nothingMore,
              id: '99',
              state: 'active',
              event: 'created',
              callId: 'c-1',
              uri: 'sip:dave@192.0.2.5',
            },
          ],
        },
      ],
    },
    'kamailio-expired': {
      version: 0,
      state: 'full',
      registrations: [
        { aor: 'sip:alice@example.test', id: '0x7fd8cab26d40', state: 'terminated', contacts: [] },
      ],
    },
    kamailio: {
      version: 0,
      state: 'full',
      registrations: [
        {
          aor: 'sip:alice@example.test',
          id: '0x7f2f1c5a4d10',
          state: 'active',
          contacts: [
            {
              id: '0x7f2f1c5a5020',
              state: 'terminated',
              event: 'unregistered',
              expires: 0,
              callId: '18d9a5f4',
              uri: 'sip:alice-0x55d4@127.0.0.1:35060',
              methods: null,
            },
            {
              id: '0x7f2f1c5a6138',
              state: 'active',
              event: 'registered',
              expires: 3542,
              callId: '77',
              uri: 'sip:alice@127.0.0.1:40000;transport=udp',
              methods: null,
            },
          ],
        },
      ],
    },
  };

  it('has an expectation for each fixture', () => {
    expect([...fixtures('reg-info/valid').keys()]).to.have.members(Object.keys(read));
  });

  for (const [name, expected] of Object.entries(read)) {
    it(`is read: ${name.replaceAll('-', ' ')}`, () => {
      expect(parseRegInfo(fixture('reg-info/valid', name))).to.deep.equal(expected);
    });
  }

  for (const [name, bytes] of fixtures('reg-info/invalid')) {
    it(`is refused: ${name.replaceAll('-', ' ')}`, () => {
      expect(() => parseRegInfo(bytes)).to.throw(MalformedRegInfo);
    });
  }

  it('may have as many contacts as the limit says, and no more', () => {
    const most = IM_LIMITS.regInfoContacts - 1;
    expect(parseRegInfo(document(most)).registrations[0]?.contacts).to.have.length(most);
    expect(() => parseRegInfo(document(most + 1))).to.throw(MalformedRegInfo, 'contacts');
  });

  it('may have as many bytes as the limit says, and no more', () => {
    const room = IM_LIMITS.regInfoBytes - document(1).length;
    expect(parseRegInfo(document(1, room)).version).to.equal(1);
    expect(() => parseRegInfo(document(1, room + 1))).to.throw(MalformedRegInfo, 'bytes');
  });

  it('is read or refused, whatever is changed in it', () => {
    const seeds = [...fixtures('reg-info/valid').values(), ...fixtures('reg-info/invalid').values()];
    const change = fc.record({
      at: fc.nat(2_000),
      remove: fc.nat(12),
      put: fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.constantFrom('<', '>', '"', '&', ']]>', '<!--', '<![CDATA[', '\0', '<uri>', '=', ' xmlns=""'),
      ),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (seed, changes) => {
          let text = seed.toString('utf8');
          for (const { at, remove, put } of changes) {
            const place = at % (text.length + 1);
            text = text.slice(0, place) + put + text.slice(place + remove);
          }
          try {
            for (const { aor, id, contacts } of parseRegInfo(Buffer.from(text)).registrations) {
              expect(aor).not.to.equal('');
              expect(id).not.to.equal('');
              for (const { uri } of contacts) expect(uri).not.to.equal('');
            }
          } catch (error) {
            if (!(error instanceof MalformedRegInfo)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
