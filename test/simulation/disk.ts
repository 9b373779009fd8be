/**
 * A journal's disk in a simulation: what was synced stays, of what was only written a crash keeps a
 * part.
 */
import * as v from "valibot";
import { decode } from "../../base/codec.ts";
import { type Certificate, certificateSchema } from "../../membership/certificate.ts";
import type { JournalOp, JournalTable } from "../../store/journal.ts";

export class Disk {
  /** Small files that are written whole. */
  readonly files = new Map<string, Uint8Array>();
  #synced = new Map<string, Uint8Array>();
  /** Written since the last sync, in order. */
  #unsynced: (readonly JournalOp[])[] = [];

  append(ops: readonly JournalOp[], isDurable: boolean): void {
    this.#unsynced.push(ops);
    if (!isDurable) return;
    for (const batch of this.#unsynced) put(this.#synced, batch);
    this.#unsynced = [];
  }

  /**
   * The machine loses power, or only the process ends: `kept` of the unsynced batches survive,
   * oldest first.
   */
  crash(kept: (unsynced: number) => number): void {
    for (const batch of this.#unsynced.slice(0, kept(this.#unsynced.length)))
      put(this.#synced, batch);
    this.#unsynced = [];
  }

  /** The disk is lost. */
  wipe(): void {
    this.#synced = new Map();
    this.#unsynced = [];
    this.files.clear();
  }

  /** The certificate that the host was given last. */
  certificate(): Certificate | undefined {
    const content = this.files.get("certificate");
    const parsed = v.safeParse(certificateSchema, content && decode(content, content.length));
    return parsed.success ? parsed.output : undefined;
  }

  /** Another disk with the same content. */
  copy(): Disk {
    const other = new Disk();
    other.#synced = new Map(this.#synced);
    other.#unsynced = [...this.#unsynced];
    for (const [file, content] of this.files) other.files.set(file, content);
    return other;
  }

  /** Becomes what another disk is now. */
  copyFrom(other: Disk): void {
    this.#synced = new Map(other.#synced);
    this.#unsynced = [...other.#unsynced];
    for (const [file, content] of other.files) this.files.set(file, content);
  }

  /** A copy to put back later: a backup, or a cloned machine. */
  snapshot(): () => void {
    const copy = new Map(this.#synced);
    return () => {
      this.#synced = new Map(copy);
      this.#unsynced = [];
    };
  }

  *rows(table: JournalTable): Generator<{ key: string; value: Uint8Array }, void, void> {
    const all = new Map(this.#synced);
    for (const batch of this.#unsynced) put(all, batch);
    for (const [key, value] of all) {
      if (key.startsWith(`${table} `)) yield { key: key.slice(table.length + 1), value };
    }
  }
}

function put(rows: Map<string, Uint8Array>, ops: readonly JournalOp[]): void {
  for (const { table, key, value } of ops) {
    if (value === undefined) rows.delete(`${table} ${key}`);
    else rows.set(`${table} ${key}`, value);
  }
}
