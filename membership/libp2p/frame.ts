/**
 * What stands on a link's stream, each frame with its length before it:
 *
 *   0 | message                  once the link is up
 *   1 | control, as CBOR
 *
 *   dialler                      other side
 *   hello            ->
 *                    <-          hello, admit           or refuse
 *   admit            ->                                 or refuse
 *                                                       the side with the lower host id, once both have admitted:
 *   chosen           <->         chosen                 or spare, where the two have a link already
 *
 * Only one side chooses, so that of two connections made at once both keep the same. `session` is drawn at each start:
 * a link of an earlier session is dead, whatever its connection looks like. `ended` names the links that the sender
 * has seen end, so that the side that chooses does not hold on to one that only it believes in.
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

export type Control = v.InferOutput<typeof controlSchema>;
export type Frame =
  | { readonly kind: "message"; readonly message: Uint8Array }
  | { readonly kind: "control"; readonly control: Control };

const messageMark = Uint8Array.of(0);
const controlMark = Uint8Array.of(1);

export function encodeMessage(message: Uint8Array): Uint8Array {
  return concatBytes([messageMark, message]);
}

export function encodeControl(control: Control): Uint8Array {
  const said = "reason" in control ? { ...control, reason: cut(control.reason) } : control;
  return concatBytes([controlMark, encode(said)]);
}

/** The frame, or undefined where it is neither. A message is copied: it must not keep the whole packet alive. */
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
