/**
 * What must be in LevelDB, said outside of it: LevelDB opens without a word when its newest log is
 * cut or one of its tables is gone. A seal is stored twice:
 *
 *   in LevelDB, in the same batch as the rows it speaks of: always exact; rows that are missing or
 *     old do not add up to it
 *   in two small files beside it, written in turn after a durable batch, before that is
 *     acknowledged: LevelDB may be ahead of them (a crash in between), but never behind
 *
 * Text, one line: the CRC-32 in hex, then JSON. `format` keeps its place in later formats, so that
 * an older program can tell that it must not touch them.
 */
import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { JournalTable } from "../journal.ts";
import { emptyTally, type Tally } from "./row.ts";

/** The state of all tables after the batch with this number. */
export type Seal = {
  readonly format: number;
  /** Grows by one with each batch, over restarts and also where the tables start anew. */
  readonly sequence: number;
  readonly tables: Tallies;
};

/** Each table's tally. */
export type Tallies = { readonly [Table in JournalTable]: Tally };

/** Of empty tables. */
export const emptyTallies: Tallies = { origins: emptyTally, local: emptyTally };

/** One sector: it is written whole or not at all, in place, so that a full disk does not matter. */
const sealBytes = 512;
const names = ["store.seal-a", "store.seal-b"] as const;

/** The line that stands for a plain value. */
export function encodeLine(value: object): Uint8Array {
  const json = JSON.stringify(value);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, "0")} ${json}\n`);
}

/** The value of a line, or undefined where it is not as it was written. */
export function decodeLine<Value extends object>(bytes: Uint8Array): Value | undefined {
  const text = Buffer.from(bytes).toString();
  const [, checksum = "", json = ""] = /^([0-9a-f]{8}) (\{.*\})\s*$/.exec(text) ?? [];
  return Number.parseInt(checksum, 16) === crc32(json) ? JSON.parse(json) : undefined;
}

/** The one with the higher number. */
export function newerSeal(a: Seal | undefined, b: Seal | undefined): Seal | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.sequence >= b.sequence ? a : b;
}

/** What the two files say. */
export type SealedFiles = {
  /** No seal was ever written here. */
  readonly isFirstRun: boolean;
  /** The newer of the two; undefined where neither can be read. */
  readonly newest: Seal | undefined;
};

/** Reads both files, changing nothing. */
export async function readSeals(directory: string): Promise<SealedFiles> {
  const files = await Promise.all(names.map((name) => readSealFile(join(directory, name))));
  const seals = files.map((bytes) => (bytes === undefined ? undefined : decodeLine<Seal>(bytes)));
  const newest = newerSeal(seals[0], seals[1]);
  return { isFirstRun: files.every((bytes) => bytes === undefined), newest };
}

/** Keeps the two files, and writes the one that is not the newest. */
export class SealFiles implements AsyncDisposable {
  readonly #files: readonly FileHandle[];
  #turn = 0;

  private constructor(files: readonly FileHandle[]) {
    this.#files = files;
  }

  /** Opens both files, makes them where they are missing, and has each say this, durably. */
  static async open(directory: string, seal: Seal): Promise<SealFiles> {
    const files: FileHandle[] = [];
    for (const name of names) files.push(await openInPlace(join(directory, name)));
    const seals = new SealFiles(files);
    for (const _ of names) await seals.write(seal);
    await using folder = await open(directory, "r");
    await folder.sync();
    return seals;
  }

  /** Has the older of the two files say this, durably. */
  async write(seal: Seal): Promise<void> {
    const file = this.#files[this.#turn % names.length];
    this.#turn += 1;
    const line = Buffer.alloc(sealBytes, " ");
    line.set(encodeLine(seal));
    await file?.write(line, 0, sealBytes, 0);
    await file?.datasync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }
}

/** Open for writing in place: truncating would lose the old seal before the new one is there. */
async function openInPlace(path: string): Promise<FileHandle> {
  return open(path, "r+").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return open(path, "w+", 0o600);
    throw error;
  });
}

async function readSealFile(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
