import fc from 'fast-check';

/** One change of bytes. `at` and `length` are taken as parts of 2**32 of what is there. */
type Change = (bytes: Buffer, at: number, length: number, other: Buffer, byte: number) => Buffer;

const CHANGES: readonly Change[] = [
  // A bit is flipped, a byte is another.
  (bytes, at, length) => withByte(bytes, at, (bytes[at] ?? 0) ^ (1 << (length & 7))),
  (bytes, at, _, __, byte) => withByte(bytes, at, byte),
  // Some are cut out, the rest is missing.
  (bytes, at, length) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]),
  (bytes, at) => bytes.subarray(0, at),
  // Some are put in, some are there twice.
  (bytes, at, length, _, byte) =>
    Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length, byte), bytes.subarray(at)]),
  (bytes, at, length) => Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]),
  // The start of one and the end of another, and one in the midst of another.
  (bytes, at, _, other) => Buffer.concat([bytes.subarray(0, at), other.subarray(Math.min(at, other.length))]),
  (bytes, at, length, other) =>
    Buffer.concat([bytes.subarray(0, at), other.subarray(0, length * 4), bytes.subarray(at)]),
];

function withByte(bytes: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(bytes);
  if (at < copy.length) copy[at] = byte;
  return copy;
}

const MARKS = Array.from('\r\n \t:;,"<>[]()@\\%=?/\0\x7f\xff09azAZ', (character) => character.charCodeAt(0));

/** One of `originals` after one to four changes. */
export function mutation(originals: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const change = fc.record({
    change: fc.constantFrom(...CHANGES),
    at: fc.nat(0xffff_ffff),
    length: fc.integer({ min: 1, max: 40 }),
    other: fc.constantFrom(...originals),
    byte: fc.oneof(fc.constantFrom(...MARKS), fc.nat(255)),
  });
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([original, changes]) =>
      changes.reduce((bytes, { change: make, at, length, other, byte }) => {
        const place = Math.floor((at / 2 ** 32) * (bytes.length + 1));
        return make(bytes, place, length, other, byte);
      }, original),
    );
}
