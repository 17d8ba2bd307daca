import { expect } from 'chai';
import fc from 'fast-check';
import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import type { RegInfo, RegisteredAddress, RegisteredContact } from '../../../src/im/reg-info.ts';
import type { Registration } from '../../../src/mailbox/push/ports.ts';
import { REGISTRATION_LIMITS } from '../../../src/mailbox/push/registration-limits.ts';
import { RegistrationTable } from '../../../src/mailbox/push/registration-table.ts';

const NOW = Date.UTC(2026, 10, 21);
const ENDS = NOW + 600_000;
const ALICE = AddressOfRecord.parse('sip:alice@example.test');
const HOP = 'sip:192.0.2.1:5060';

function contact(id: string, parts: Partial<RegisteredContact> = {}): RegisteredContact {
  return {
    id,
    state: 'active',
    event: 'registered',
    expires: 300,
    callId: `call-${id}`,
    uri: `sip:alice@192.0.2.${id}`,
    methods: null,
    ...parts,
  };
}

function hers(...contacts: RegisteredContact[]): RegisteredAddress {
  return { aor: 'sip:alice@example.test', id: 'r1', state: 'active', contacts };
}

function info(version: number, state: RegInfo['state'], ...registrations: RegisteredAddress[]): RegInfo {
  return { version, state, registrations };
}

describe('what registration events told (RFC 3680 §5.2)', () => {
  let table: RegistrationTable;
  beforeEach(() => {
    table = new RegistrationTable();
  });

  const take = (document: RegInfo): ReturnType<RegistrationTable['take']> => table.take(document, ENDS, NOW);
  const now = (at = NOW): Registration | null => table.registration(ALICE, HOP, at);
  const online = (): Registration => now() ?? expect.fail('not online');

  it('is that nobody is online, at first', () => {
    expect(now()).to.equal(null);
  });

  it('is who is online, how long, and what her phone takes', () => {
    take(info(0, 'full', hers(contact('1', { methods: ['MESSAGE', 'INVITE'] }))));
    expect(online()).to.deep.include({
      user: ALICE,
      until: NOW + 300_000,
      methods: ['INVITE', 'MESSAGE'],
      hop: HOP,
    });
    expect(online().name.length).to.be.at.most(64);
    expect(now(NOW + 299_999)).not.to.equal(null);
    expect(now(NOW + 300_000)).to.equal(null);
  });

  it('stands as long as the subscription for a contact that does not say how long', () => {
    take(info(0, 'full', hers(contact('1', { expires: null }))));
    expect(online().until).to.equal(ENDS);
  });

  it('is not believed for longer than the limit', () => {
    take(info(0, 'full', hers(contact('1', { expires: 2 ** 31 }))));
    expect(online().until).to.equal(NOW + REGISTRATION_LIMITS.longestOnline);
  });

  it('is one registration of all her phones: the latest end, every method; none where one does not say', () => {
    const first = contact('1', { methods: ['INVITE'] });
    take(info(0, 'full', hers(first, contact('2', { expires: 500, methods: ['MESSAGE'] }))));
    expect(online()).to.deep.include({ until: NOW + 500_000, methods: ['INVITE', 'MESSAGE'] });
    take(info(1, 'full', hers(first, contact('3'))));
    expect(online().methods).to.equal(null);
  });

  it('has one name while the same phones refresh, wherever and in whatever order it is told', () => {
    take(info(0, 'full', hers(contact('1'), contact('2'))));
    const { name } = online();
    take(info(1, 'full', hers(contact('2', { expires: 9 }), contact('1', { event: 'refreshed' }))));
    expect(online().name).to.equal(name);
    const elsewhere = new RegistrationTable();
    elsewhere.take(info(7, 'full', { ...hers(contact('1'), contact('2')), id: 'other' }), ENDS, NOW);
    expect(elsewhere.registration(ALICE, HOP, NOW)?.name).to.equal(name);
  });

  it('has another name when a phone registers anew, or another one comes', () => {
    take(info(0, 'full', hers(contact('1'))));
    const names = [online().name];
    take(info(1, 'full', hers(contact('1', { callId: 'another' }))));
    names.push(online().name);
    take(info(2, 'partial', hers(contact('2'))));
    names.push(online().name);
    expect(new Set(names).size).to.equal(3);
  });

  it('changes by partial documents where they name something', () => {
    take(info(0, 'full', hers(contact('1'), contact('2'))));
    expect(take(info(1, 'partial', hers(contact('1', { state: 'terminated' }))))).to.deep.equal({
      taken: true,
      wantsFull: false,
    });
    expect(online().until).to.equal(NOW + 300_000);
    take(info(2, 'partial', hers(contact('2', { state: 'terminated' }))));
    expect(now()).to.equal(null);
  });

  it('is replaced by a full document', () => {
    take(info(0, 'full', hers(contact('1'))));
    take(info(1, 'full'));
    expect(now()).to.equal(null);
  });

  for (const state of ['terminated', 'init'] as const) {
    it(`ends with a registration that is ${state}, whatever its contacts say`, () => {
      take(info(0, 'full', hers(contact('1'))));
      take(info(1, 'partial', { ...hers(contact('1')), state }));
      expect(now()).to.equal(null);
    });
  }

  it('has a gap: what came is taken, and the full state is wanted unless it came', () => {
    take(info(0, 'full', hers(contact('1'))));
    expect(take(info(2, 'partial', hers(contact('2'))))).to.deep.equal({ taken: true, wantsFull: true });
    expect(take(info(9, 'full', hers(contact('3'))))).to.deep.equal({ taken: true, wantsFull: false });
  });

  it('begins with a partial document: the full state is wanted', () => {
    expect(take(info(4, 'partial', hers(contact('1'))))).to.deep.equal({ taken: true, wantsFull: true });
    expect(now()).not.to.equal(null);
  });

  it('is not undone by an older document; the full state is wanted, the notifier may count anew', () => {
    take(info(5, 'full', hers(contact('1'))));
    expect(take(info(4, 'full'))).to.deep.equal({ taken: false, wantsFull: true });
    expect(take(info(5, 'partial', { ...hers(), state: 'terminated' }))).to.deep.include({ taken: false });
    expect(now()).not.to.equal(null);
    table.expectAny();
    expect(take(info(0, 'full'))).to.deep.equal({ taken: true, wantsFull: false });
    expect(now()).to.equal(null);
  });

  it('may never count: full documents of one version are taken', () => {
    take(info(0, 'full', hers(contact('1'))));
    expect(take(info(0, 'full'))).to.deep.equal({ taken: true, wantsFull: false });
    expect(now()).to.equal(null);
  });

  it('is of her alone where registrations that go with hers are told too', () => {
    const other = { ...hers(contact('9', { expires: 900 })), aor: 'sip:boss@example.test', id: 'r2' };
    take(info(0, 'full', hers(contact('1')), other));
    expect(online().until).to.equal(NOW + 300_000);
  });

  it('is of her where she goes by another address there', () => {
    take(info(0, 'full', { ...hers(contact('1')), aor: 'tel:+12015550123' }));
    expect(now()).not.to.equal(null);
  });

  it('keeps no more contacts than the limit, however many partial documents name', () => {
    take(info(0, 'full'));
    for (let version = 1; version <= REGISTRATION_LIMITS.contacts + 50; version++) {
      take(info(version, 'partial', hers(contact(String(version), { expires: version }))));
    }
    expect(online().until).to.equal(NOW + REGISTRATION_LIMITS.contacts * 1000);
  });

  it('is what a model of rows says, after any run of documents in order', () => {
    const change = fc.record({
      full: fc.boolean(),
      contacts: fc.uniqueArray(fc.record({ id: fc.integer({ min: 1, max: 5 }), active: fc.boolean() }), {
        selector: ({ id }) => id,
        maxLength: 5,
      }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const rows = new Set<number>();
        const checked = new RegistrationTable();
        changes.forEach(({ full, contacts }, version) => {
          if (full) rows.clear();
          for (const { id, active } of contacts) {
            if (active) rows.add(id);
            else rows.delete(id);
          }
          const told = contacts.map(({ id, active }) =>
            contact(String(id), { state: active ? 'active' : 'terminated', expires: id * 10 }),
          );
          checked.take(info(version, full ? 'full' : 'partial', hers(...told)), ENDS, NOW);
          const until = checked.registration(ALICE, HOP, NOW)?.until ?? null;
          expect(until).to.equal(rows.size === 0 ? null : NOW + Math.max(...rows) * 10_000);
        });
      }),
    );
  });
});
