/** Messages over TCP: two bytes of length before each (RFC 1035, 4.2.2). */

/** The message with its length. */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Puts messages together again out of what comes in, however it was cut. */
export class Unframer {
  readonly #bytesAtMost: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(bytesAtMost: number) {
    this.#bytesAtMost = bytesAtMost;
  }

  /** The messages that are whole; undefined where one would be too long. */
  take(chunk: Buffer): Buffer[] | undefined {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (this.#rest.length >= 2) {
      const length = this.#rest.readUInt16BE(0);
      if (length > this.#bytesAtMost) return undefined;
      if (this.#rest.length < 2 + length) break;
      messages.push(this.#rest.subarray(2, 2 + length));
      this.#rest = this.#rest.subarray(2 + length);
    }
    return messages;
  }
}
