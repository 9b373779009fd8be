/**
 * Every code an operator can meet. A code never changes meaning; docs/errors.md says what to do
 * about each.
 */
export const errorCodes = [
  "BAD_REQUEST", // The request is malformed: a field is missing, unknown or out of range.
  "UNKNOWN_NETWORK",
  "UNKNOWN_ENDPOINT",
  "UNKNOWN_HOST",
  "HOST_ALIVE", // A host that answers is not forgotten without force.
  "NAME_TAKEN",
  "ENDPOINT_EXISTS", // One with the given id is there, and is another than is asked for.
  "NETWORK_IN_USE",
  "SUBNET_MALFORMED",
  "SUBNET_TOO_SMALL",
  "SUBNET_OVERLAP",
  "ADDRESS_OUTSIDE",
  "ADDRESS_TAKEN",
  "ADDRESSES_EXHAUSTED",
  "UNKNOWN_CONTAINER",
  "CONTAINER_UNFIT", // It does not run, or uses the host's own network.
  "NETNS_MISSING",
  "INTERFACE_TAKEN",
  "DATAPLANE_REFUSED",
  "DATAPLANE_UNSUPPORTED", // A kernel module, a tool or a capability is missing.
  "NOT_PERMITTED",
  "TOKEN_MALFORMED",
  "TOKEN_REFUSED",
  "TOKEN_EXPIRED",
  "TOKEN_USED_UP",
  "UNKNOWN_TOKEN",
  "TOKEN_MISSING",
  "REVOKED", // This host's own key, or one that was to be let in.
  "LAST_ADMIN",
  "ISSUER_UNREACHABLE",
  "PORT_BUSY",
  "SOCKET_UNUSABLE",
  "DATA_DIR_LOCKED",
  "DATA_DIR_UNUSABLE",
  "STORE_DAMAGED",
  "OWN_RECORDS_AWAITED", // The disk was lost or damaged; peers are asked for what we wrote.
  "IDENTITY_CLONED",
  "LIMIT_REACHED",
  "CONFIG_INVALID",
  "UNDERLAY_UNKNOWN",
  "AGENT_UNREACHABLE",
  "DOCKER_UNREACHABLE",
  "NOT_COMPARED", // Nobody has confirmed yet that the host's own records are its newest.
  "NOT_A_MEMBER", // The host is still asking its seeds to let it in.
  "TOO_LARGE",
  "TIMED_OUT",
  "SHUTTING_DOWN",
  "UNKNOWN_ROUTE",
  "INTERNAL",
] as const;

/** What a program may switch on; prose may change, a code may not. */
export type ErrorCode = (typeof errorCodes)[number];

/**
 * A failure an operator can act on. The message says what we tried and what to do; the reason stays
 * in `cause`.
 */
export class MeshError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "MeshError";
    this.code = code;
  }
}

/** A refusal as data, for core code, where an expected outcome is a return value. */
export type Refusal = { readonly code: ErrorCode; readonly message: string };

/** The message with those of its causes: one line, for people. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let at = error;
  // Causes may form a circle.
  for (let depth = 0; depth < 8 && at !== undefined && at !== null; depth += 1) {
    const message = at instanceof Error ? at.message : String(at);
    if (!parts.includes(message)) parts.push(message);
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(": ").replaceAll("\n", " ");
}
