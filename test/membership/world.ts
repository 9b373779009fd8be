/** Bounds of admission's machines, small enough to be reached in a test. */
export const limits = {
  tokens: 3,
  tokenUses: 50,
  tokenBookBytes: 64 * 1024,
  tokenMemoryMs: 10_000,
  revocations: 20,
  revocationBytes: 8 * 1024,
  revocationsBytes: 64 * 1024,
};
