/**
 * One encoding for everything that is signed, sent or stored: deterministic CBOR (RFC 8949 section
 * 4.2), so that equal values have equal bytes and a signature over bytes is a signature over the
 * value. A field that is undefined is left out. Indefinite or wasteful lengths and repeated keys
 * are refused on decoding.
 */
import { decode as decodeCbor, encode as encodeCbor, rfc8949EncodeOptions } from "cborg";

const options = { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true };

/**
 * The canonical bytes of a plain value: objects, arrays, strings, byte strings, integers, booleans,
 * null.
 */
export function encode(value: unknown): Uint8Array {
  return encodeCbor(value, options);
}

/** The value that bytes stand for, or undefined where they are malformed, wasteful or too long. */
export function decode(bytes: Uint8Array, maxBytes: number): unknown {
  if (bytes.length > maxBytes) return undefined;
  try {
    return decodeCbor(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
    });
  } catch {
    return undefined;
  }
}
