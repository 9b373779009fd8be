/**
 * Why something with a peer failed, in words an operator can use. libp2p throws errors, events and
 * timeouts alike.
 */
import { describeError, MeshError } from "../../base/errors.ts";

/** What stands in the way of a connection: `silent` and `stranger` may pass, the others stay. */
export type DialFault = {
  readonly kind: "cluster" | "self" | "silent" | "stranger" | "other";
  readonly reason: string;
};

/** How libp2p tells what went wrong in a dial: by names, and by texts where a name says nothing. */
const faults: readonly (readonly [RegExp, DialFault])[] = [
  [/Can not dial self/, { kind: "self", reason: "that is this host" }],
  [
    /handshake stage|chacha20poly1305/i,
    { kind: "cluster", reason: "it belongs to another cluster" },
  ],
  [/ECONNREFUSED/, { kind: "silent", reason: "nobody listens there (connection refused)" }],
  [/EHOSTUNREACH|ENETUNREACH/, { kind: "silent", reason: "there is no route to it" }],
  [
    /TimeoutError|AbortError|ETIMEDOUT|aborted|no answer within/i,
    { kind: "silent", reason: "it does not answer" },
  ],
  [
    /PayloadError|InvalidCryptoExchange|payload|signature/i,
    { kind: "stranger", reason: "it is not the host it should be" },
  ],
  [
    /EncryptionFailed|multistream|Protocol selection|UnexpectedEOF|ECONNRESET|message length/i,
    { kind: "stranger", reason: "no agent answers there, or it is too busy to let us in" },
  ],
];

/** The fault behind what a dial threw. */
export function dialFault(error: unknown): DialFault {
  if (error instanceof MeshError) return { kind: "silent", reason: describeError(error) };
  const text = errorText(error);
  const known = faults.find(([pattern]) => pattern.test(text));
  return known?.[1] ?? { kind: "other", reason: text };
}

/**
 * The words of whatever was thrown. A stream that closes rejects with an event that may hold the
 * error.
 */
export function errorText(thrown: unknown): string {
  if (thrown instanceof Error) {
    const name = thrown.name === "Error" ? "" : `${thrown.name}: `;
    return `${name}${describeError(thrown)}`;
  }
  if (typeof thrown === "object" && thrown !== null && "error" in thrown) {
    return thrown.error === undefined ? "the connection closed" : errorText(thrown.error);
  }
  return thrown instanceof Event ? "the connection closed" : describeError(thrown);
}
