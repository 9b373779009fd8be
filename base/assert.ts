/**
 * What must be true here whatever the outside world does. A false one is a bug of ours, and the
 * daemon stops.
 */
export function assert(claim: unknown, message: string): asserts claim {
  if (!claim) throw new Error(`bug: ${message}`);
}

/**
 * Marks a branch that the types have ruled out; a new union case that is not handled fails to
 * compile here.
 */
export function unreachable(value: never): never {
  throw new Error(`bug: unhandled case ${JSON.stringify(value)}`);
}
