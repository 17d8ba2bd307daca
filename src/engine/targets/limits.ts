/** Every limit of finding a target. Times in ms. */
export const TARGET_LIMITS = {
  /** How long one question to a DNS server may take, and how often it is put. */
  dnsTimeout: 1_000,
  dnsTries: 2,
  /** SRV records of one name that are looked at, and addresses returned in all. */
  services: 16,
  endpoints: 16,
} as const;
