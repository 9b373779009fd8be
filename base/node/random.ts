import { randomBytes, randomInt } from "node:crypto";
import { assert } from "../assert.ts";
import type { Random } from "../random.ts";

/** The operating system's chance. */
export const systemRandom: Random = {
  below: (bound) => {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, `random below ${bound}`);
    return randomInt(bound);
  },
  bytes: (length) => new Uint8Array(randomBytes(length)),
};
