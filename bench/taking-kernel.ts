/** A kernel that takes whatever it is told and shows it when it is asked, at next to no cost. */
import type { Mac, Vni } from "../base/address.ts";
import type { Actual, DataplaneOp, RemoteEntry, Segment } from "../overlay/dataplane.ts";
import { actualOf } from "../overlay/expected.ts";

/** Segments and their entries; ports are there as soon as they are wanted. */
export class TakingKernel {
  readonly #segments = new Map<Vni, Segment>();
  readonly #remotes = new Map<Vni, Map<Mac, RemoteEntry>>();

  /** Entries of all segments. */
  get remotes(): number {
    let sum = 0;
    for (const remotes of this.#remotes.values()) sum += remotes.size;
    return sum;
  }

  apply(ops: readonly DataplaneOp[]): void {
    for (const op of ops) this.#apply(op);
  }

  read(): Actual {
    const segments = [...this.#segments].map(
      ([vni, segment]) => [vni, { ...segment, remotes: this.#of(vni) }] as const,
    );
    return actualOf({ segments: new Map(segments) });
  }

  #apply(op: DataplaneOp): void {
    if (op.kind === "bridge-set" || op.kind === "vxlan-set")
      this.#segments.set(op.segment.vni, op.segment);
    else if (op.kind === "remote-set") this.#of(op.vni).set(op.remote.mac, op.remote);
    else if (op.kind === "remote-remove") this.#of(op.vni).delete(op.mac);
  }

  #of(vni: Vni): Map<Mac, RemoteEntry> {
    const known = this.#remotes.get(vni) ?? new Map<Mac, RemoteEntry>();
    this.#remotes.set(vni, known);
    return known;
  }
}
