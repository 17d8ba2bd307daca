/** Every limit of the message formats. Sizes in bytes unless told otherwise. */
export const IM_LIMITS = {
  /** Message headers and MIME headers of one CPIM message, together. */
  cpimHeaderBytes: 16_384,
  /** Headers of one CPIM message. */
  cpimHeaders: 100,
  /** How deep message/cpim may lie within message/cpim. */
  cpimDepth: 3,
  /** Longest MIME type read, characters. */
  contentType: 1_024,
  /** Largest XML body read: a receipt or a typing mark has a few hundred. */
  xmlBytes: 16_384,
  /** Tags, attributes, comments and the like in one XML body; more is no receipt. */
  xmlMarkup: 200,
  /** The same of one document of registration information: a contact has some twenty, and 1,000 bytes. */
  regInfoBytes: 131_072,
  regInfoMarkup: 2_500,
  /** Registrations and contacts read of one such document. */
  regInfoContacts: 100,
  /** Codings named by one Content-Encoding. */
  contentCodings: 3,
  /** Longest message summary read, characters. */
  summaryLength: 65_536,
  /** Summary lines and headers of one message summary. */
  summaryLines: 250,
  /** Longest Message-Account, characters. */
  summaryAccount: 512,
} as const;
