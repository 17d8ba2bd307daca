import { sipFixtures } from '../engine/message/fixtures.ts';
import { tortureMessages } from '../engine/torture/torture-fixtures.ts';

/** Every message there is in the fixtures, sound or not, but for those that are only long. */
export function originals(): readonly Buffer[] {
  const torture = [...tortureMessages('rfc4475'), ...tortureMessages('rfc5118')].map(({ bytes }) => bytes);
  const own = [
    ...sipFixtures('valid').values(),
    ...sipFixtures('valid', '.stream').values(),
    ...sipFixtures('invalid').values(),
  ];
  return [...torture, ...own].filter(({ length }) => length > 0 && length < 4_096);
}
