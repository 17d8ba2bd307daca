/** Every limit of finding a target. Times in ms. */
export const TARGET_LIMITS = {
  /** How long one question to a DNS server may take, and how often it is put. */
  dnsTimeout: 1_000,
  dnsTries: 2,
  /** How long one question may take in all, whoever answers it. */
  question: 5_000,
  /** Different questions under way at one time; one more is refused. */
  questions: 256,
  /** Answers kept, good ones and bad. The one that was not asked for longest makes room. */
  answers: 2_000,
  /** How long an answer is kept at most, whatever DNS says. */
  longestLifetime: 3_600_000,
  /** How long an answer is kept that does not say it: Node tells no TTL of SRV, NAPTR and the system's own look-up. */
  unsaidLifetime: 60_000,
  /** How long it is remembered that there is no such record (RFC 2308). */
  noneLifetime: 30_000,
  /** How long a DNS server that gave no answer is not asked the same again. */
  failureLifetime: 5_000,
  /** An answer that is too old serves for so long where DNS gives no other (RFC 8767). */
  staleLifetime: 3_600_000,
  /** NAPTR and SRV records of one name that are looked at, and addresses returned in all. */
  pointers: 16,
  services: 16,
  endpoints: 16,
  /** Addresses that are remembered to have failed. */
  setbacks: 4_000,
  /** How long an address comes last after it was silent or could not be reached (RFC 3263 §4.3). */
  unreachable: 60_000,
  /** How long after a 503 that does not say it. */
  overloaded: 10_000,
  /** Longest Retry-After of a 503 that is obeyed. */
  longestRetryAfter: 120_000,
  /** Once that is over, one request tries it; the others leave it aside so much longer, until it has answered. */
  probation: 16_000,
  /** How long a UDP address is listened to for a sign that nobody is there, and how many at one time. */
  probe: 1_000,
  probes: 32,
} as const;
