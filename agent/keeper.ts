/**
 * A small file of ours that must be on disk before what it says is acted on. Its newest content is
 * written whole, one write at a time; who asked for a write is told when one that began later ends.
 */
import type { Refusal } from "../base/errors.ts";
import type { SafeFile } from "../membership/vault.ts";
import type { Emit } from "./effect.ts";

/** Told how the write ended: with nothing where the content is on disk. */
export type Saved = (refusal: Refusal | undefined) => void;

/** The writes of one file. */
export class Keeper {
  readonly #file: SafeFile;
  readonly #emit: Emit;
  readonly #content: () => Uint8Array;
  #underWay: readonly Saved[] | undefined;
  #waiting: Saved[] = [];

  constructor(file: SafeFile, emit: Emit, content: () => Uint8Array) {
    this.#file = file;
    this.#emit = emit;
    this.#content = content;
  }

  /** Writes what the content is now, or by the time its turn comes. */
  save(then: Saved): void {
    this.#waiting.push(then);
    this.#begin();
  }

  /** The write under way has ended. */
  ended(refusal: Refusal | undefined): void {
    const told = this.#underWay ?? [];
    this.#underWay = undefined;
    this.#begin();
    for (const then of told) then(refusal);
  }

  #begin(): void {
    if (this.#underWay !== undefined || this.#waiting.length === 0) return;
    this.#underWay = this.#waiting;
    this.#waiting = [];
    this.#emit({ kind: "save", file: this.#file, bytes: this.#content() });
  }
}
