/**
 * Frames on a link's stream, each after its length: `0 | message`, or `1 | control` in CBOR.
 *
 *   the dialler    hello     who I am, and which of our former links I know to be over
 *   the other      hello, admit            or refuse, with the reason
 *   the dialler    admit                   or refuse
 *   the lower id   chosen                  or spare, where the two are linked already
 */
import * as v from "valibot";
import { concatBytes } from "../../base/bytes.ts";
import { decode, encode } from "../../base/codec.ts";
import { shortBytes, shortText } from "../../base/schema.ts";

/** A hello carries a certificate, a name and an address. */
export const helloBytes = 4_096;
/** Links whose end is remembered, for each host. */
export const endedKept = 8;
/** Before a link is up nobody has more to say. */
export const greetingBytes = 16 * 1024;

const maxReason = 256;
const idSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));
const controlSchema = v.variant("kind", [
  v.strictObject({
    kind: v.literal("hello"),
    session: idSchema,
    link: idSchema,
    ended: v.pipe(v.array(idSchema), v.maxLength(endedKept)),
    hello: shortBytes(helloBytes),
  }),
  v.strictObject({ kind: v.literal("admit") }),
  v.strictObject({ kind: v.literal("refuse"), reason: shortText(maxReason) }),
  v.strictObject({ kind: v.literal("chosen") }),
  v.strictObject({ kind: v.literal("spare") }),
  v.strictObject({ kind: v.literal("bye"), reason: shortText(maxReason) }),
]);

/** What is said about a link, before it is up and at its end. */
export type Control = v.InferOutput<typeof controlSchema>;
/** What one frame holds. */
export type Frame =
  | { readonly kind: "message"; readonly message: Uint8Array }
  | { readonly kind: "control"; readonly control: Control };

const messageMark = Uint8Array.of(0);
const controlMark = Uint8Array.of(1);

/** The frame of a message. */
export function encodeMessage(message: Uint8Array): Uint8Array {
  return concatBytes([messageMark, message]);
}

/** The frame of what is said about the link; a reason too long is cut. */
export function encodeControl(control: Control): Uint8Array {
  const said = "reason" in control ? { ...control, reason: cut(control.reason) } : control;
  return concatBytes([controlMark, encode(said)]);
}

/**
 * The frame, or undefined where it is neither. A message is copied: it must not keep the whole
 * packet alive.
 */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes[0] === messageMark[0])
    return { kind: "message", message: new Uint8Array(bytes.subarray(1)) };
  if (bytes[0] !== controlMark[0]) return undefined;
  const parsed = v.safeParse(controlSchema, decode(bytes.subarray(1), greetingBytes));
  return parsed.success ? { kind: "control", control: parsed.output } : undefined;
}

function cut(reason: string): string {
  return reason.length <= maxReason ? reason : `${reason.slice(0, maxReason - 3)}...`;
}
