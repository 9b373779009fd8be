/** Planted bugs in what is kept and how it travels. */
import { Agent } from "../../agent/agent.ts";
import { Confirmations } from "../../agent/confirmations.ts";
import { Replication } from "../../agent/replication.ts";
import { Tables } from "../../agent/tables.ts";
import { Digest } from "../../store/digest.ts";
import { OriginState } from "../../store/origin-state.ts";
import { RecordSet } from "../../store/record-set.ts";
import { Replica } from "../../store/replica.ts";
import { SimulatedHost } from "./host.ts";
import type { Plant } from "./plants.ts";

export const storePlants: readonly Plant[] = [
  {
    name: "restart-below",
    row: "2.1 #7: after a restart the version starts anew, below what was said before",
    plant: ({ patch }) =>
      patch(Agent.prototype, "restore", (original) => {
        return function restore(this: Agent, stored, ...rest) {
          const last = stored.origins.toSorted((a, b) => a.entries.length - b.entries.length);
          return original.call(this, { ...stored, origins: last.slice(0, -1) }, ...rest);
        };
      }),
  },
  {
    name: "refused-write-counts",
    row: "2.1 #11: a write that the disk refused is acknowledged",
    plant: ({ patch }) =>
      patch(Agent.prototype, "appendFailed", () => {
        return function appendFailed(this: Agent, _, now) {
          this.appended(now);
        };
      }),
  },
  {
    name: "write-not-synced",
    row: "2.1 #12: an acknowledged write is in no disk's cache but the host's",
    plant: ({ patch }) => patch(SimulatedHost.prototype, "isSyncing", () => () => false),
  },
  {
    name: "deletes-not-heard",
    row: "2.1 #6: absence from a full set is not taken for a deletion",
    plant: ({ patch }) =>
      patch(Tables.prototype, "update", (original) => {
        return function update(this: Tables, origin, differences) {
          return original.call(
            this,
            origin,
            differences.filter(({ after }) => after !== undefined),
          );
        };
      }),
  },
  {
    name: "proof-not-checked",
    row: "S6: whatever a relay says is taken for the whole",
    plant: ({ patch }) => patch(RecordSet.prototype, "commitment", () => () => new Uint8Array(32)),
  },
  {
    name: "signature-not-checked",
    row: "S6: who signed is not asked",
    plant: ({ patch }) => patch(SimulatedHost.prototype, "isGullible", () => () => true),
  },
  {
    name: "older-is-taken",
    row: "S3: what is older is taken as well",
    plant: ({ patch }) =>
      patch(Replica.prototype, "receive", (original) => {
        return function receive(this: Replica, delta) {
          const outcome = original.call(this, delta);
          const isOld = outcome.kind === "stale" && delta.changes.length > 0;
          return isOld ? { kind: "applied", origin: delta.head.origin, differences: [] } : outcome;
        };
      }),
  },
  {
    name: "off-by-one",
    row: "2.1 #7: a delta lacks its first change",
    plant: ({ patch }) =>
      patch(OriginState.prototype, "deltaFor", (original) => {
        return function deltaFor(this: OriginState, have) {
          const delta = original.call(this, have);
          return { ...delta, changes: delta.changes.slice(1) };
        };
      }),
  },
  {
    name: "no-comparing",
    row: "2.2: gossip is trusted to arrive",
    plant: ({ patch }) => {
      patch(Replication.prototype, "compare", () => () => undefined);
      patch(Replication.prototype, "rootHeard", () => () => undefined);
    },
  },
  {
    name: "roots-always-equal",
    row: "2.2: two maps that differ have one digest",
    plant: ({ patch }) => patch(Digest.prototype, "differing", () => () => []),
  },
  {
    name: "programmed-too-soon",
    row: "S7: a kernel is said to hold what it does not yet hold",
    plant: ({ patch }) =>
      patch(Confirmations.prototype, "owe", (original) => {
        return function owe(this: Confirmations, host, version) {
          original.call(this, host, version);
          this.settled(() => version, 0);
        };
      }),
  },
  {
    name: "relayed-not-believed",
    row: "2.1 #5: records are taken from their origin only, and lost while it is away",
    plant: ({ patch }) =>
      patch(Replication.prototype, "received", (original) => {
        return function received(this: Replication, from, delta, now) {
          if (delta.head.origin === from) return original.call(this, from, delta, now);
          return { kind: "stale" };
        };
      }),
  },
  {
    name: "removal-not-heard",
    row: "2.1 #6: a network that somebody removed stands on, where its creator was away",
    plant: ({ patch }) =>
      patch(Tables.prototype, "update", (original) => {
        return function update(this: Tables, origin, differences) {
          const rest = differences.filter(({ key }) => !key.startsWith("removal/"));
          return original.call(this, origin, rest);
        };
      }),
  },
];
