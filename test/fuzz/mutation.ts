/**
 * Inputs that are nearly right: a sample with something changed, as a value, as text or as bytes.
 * What is wrong from the first byte on shows only that parsers begin with a check.
 */
import { encode } from "../../base/codec.ts";
import { pick, type Random } from "../../base/random.ts";

/** Values that have broken parsers before. */
const oddValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  255,
  65_536,
  2 ** 31,
  2 ** 48 + 1,
  Number.MAX_SAFE_INTEGER,
  "",
  "__proto__",
  "constructor",
  "\0",
  "é".repeat(70),
  "a".repeat(5_000),
  new Uint8Array(),
  new Uint8Array(32),
  new Uint8Array(9_000),
  [],
  {},
  [[[[[[[[]]]]]]]],
];

const oddTexts = ["\0", "\n", "..", "/", "::", "%00", "'", '"', "{", "}", "[", "]", "-", "0x", "é"];

/** Draws inputs from samples. */
export class Mutation {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** One of the samples as it is. Throws where there is none. */
  one<Sample>(samples: readonly Sample[]): Sample {
    const sample = pick(this.#random, samples);
    if (sample === undefined) throw new Error("bug: no samples");
    return sample;
  }

  /** One of the samples with up to four changes; now and then as it is. */
  value(samples: readonly unknown[]): unknown {
    let value = pick(this.#random, samples);
    for (let left = this.#random.below(5); left > 0; left -= 1) value = this.#changed(value, 0);
    return value;
  }

  /** As canonical bytes, and some of them with bytes changed as well. */
  encoded(samples: readonly unknown[]): Uint8Array {
    const bytes = this.#encodedOrNone(this.value(samples));
    return this.#random.below(3) === 0 ? this.bytes([bytes]) : bytes;
  }

  /** One of the samples with bytes flipped, cut out, put in or repeated. */
  bytes(samples: readonly Uint8Array[]): Uint8Array {
    let bytes = pick(this.#random, samples) ?? new Uint8Array();
    for (let left = 1 + this.#random.below(4); left > 0; left -= 1) bytes = this.#bent(bytes);
    return bytes;
  }

  /** One of the samples with characters changed, put in or repeated. */
  text(samples: readonly string[]): string {
    let text = pick(this.#random, samples) ?? "";
    for (let left = this.#random.below(5); left > 0; left -= 1) text = this.#retold(text);
    return text;
  }

  /** As JSON, and some of it with characters changed as well. */
  json(samples: readonly unknown[]): string {
    const text = JSON.stringify(this.value(samples)) ?? "";
    return this.#random.below(3) === 0 ? this.text([text]) : text;
  }

  #encodedOrNone(value: unknown): Uint8Array {
    try {
      return encode(value);
    } catch {
      return new Uint8Array([0xff]);
    }
  }

  #changed(value: unknown, depth: number): unknown {
    const isLeaf = typeof value !== "object" || value === null || value instanceof Uint8Array;
    if (isLeaf || depth > 8 || this.#random.below(8) === 0) return this.#replaced(value);
    return Array.isArray(value) ? this.#changedList(value, depth) : this.#changedMap(value, depth);
  }

  #changedList(list: readonly unknown[], depth: number): unknown[] {
    const copy = [...list];
    const at = this.#random.below(list.length + 1);
    switch (this.#random.below(5)) {
      case 0:
        copy.splice(at, 1);
        break;
      case 1:
        copy.splice(at, 0, pick(this.#random, oddValues));
        break;
      case 2:
        copy.push(...list.slice(0, 50));
        break;
      default:
        if (at < list.length) copy[at] = this.#changed(list[at], depth + 1);
    }
    return copy;
  }

  #changedMap(map: object, depth: number): object {
    const entries = Object.entries(map);
    const at = this.#random.below(entries.length + 1);
    const [key, value] = entries[at] ?? [pick(this.#random, ["x", "__proto__", "kind", ""]), 1];
    switch (this.#random.below(5)) {
      case 0:
        return Object.fromEntries(entries.filter(([each]) => each !== key));
      case 1:
        return { ...map, [`${key}x`]: value };
      default:
        return { ...map, [String(key)]: this.#changed(value, depth + 1) };
    }
  }

  #replaced(value: unknown): unknown {
    const kind = this.#random.below(3);
    if (kind === 0) return pick(this.#random, oddValues);
    if (typeof value === "string") return this.#retold(value);
    if (typeof value === "number") return value + this.#random.below(5) - 2;
    return value instanceof Uint8Array ? this.#bent(value) : pick(this.#random, oddValues);
  }

  #retold(text: string): string {
    const at = this.#random.below(text.length + 1);
    const rest = text.slice(at + this.#random.below(3));
    switch (this.#random.below(5)) {
      case 0:
        return text.slice(0, at) + rest;
      case 1:
        return text.slice(0, at) + (pick(this.#random, oddTexts) ?? "") + text.slice(at);
      case 2:
        return text.slice(0, at) + text.slice(0, 200) + text.slice(at);
      default:
        return text.slice(0, at) + String.fromCharCode(32 + this.#random.below(96)) + rest;
    }
  }

  #bent(bytes: Uint8Array): Uint8Array {
    const at = this.#random.below(bytes.length + 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (this.#random.below(6)) {
      case 0:
        return Buffer.concat([before, after.subarray(1 + this.#random.below(4))]);
      case 1:
        return Buffer.concat([before, this.#random.bytes(1 + this.#random.below(8)), after]);
      case 2:
        return before.slice();
      case 3:
        return Buffer.concat([before, bytes.subarray(0, 64), after]);
      default: {
        const copy = bytes.slice();
        if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << this.#random.below(8));
        return copy;
      }
    }
  }
}
