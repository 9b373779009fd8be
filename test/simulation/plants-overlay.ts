/** Planted bugs between the map and the kernel, and among addresses. */
import { Attachments } from "../../agent/attachments.ts";
import type { Effect } from "../../agent/effect.ts";
import { Reconciler } from "../../agent/reconciler.ts";
import { Allocator } from "../../ipam/allocator.ts";
import { Ledger } from "../../ipam/ledger.ts";
import { Pool } from "../../ipam/pool.ts";
import type { DataplaneOp } from "../../overlay/dataplane.ts";
import type { Plant } from "./plants.ts";

export const overlayPlants: readonly Plant[] = [
  {
    name: "entries-outlive",
    row: "2.1 #1: the entry of what is gone stays, the map is right",
    plant: ({ twist }) => twist((_, effect) => without(effect, "remote-remove")),
  },
  {
    name: "entries-missing",
    row: "2.1 #1: every fourth entry is lost on its way to the kernel",
    plant: ({ twist }) =>
      twist((_, effect) =>
        onlyOps(effect, (op) => op.kind !== "remote-set" || !/[048c]$/.test(op.remote.mac)),
      ),
  },
  {
    name: "first-entry-stays",
    row: "2.1 #2: what was learned first is never replaced",
    plant: ({ twist }) =>
      twist((host, effect) =>
        onlyOps(effect, (op) => {
          return op.kind !== "remote-set" || !host.kernel.remotes(op.vni).has(op.remote.mac);
        }),
      ),
  },
  {
    name: "no-sweep",
    row: "2.1 #1, #20: what others do to the kernel is never looked for",
    plant: ({ patch }) =>
      patch(Reconciler.prototype, "tick", (original) => {
        const looked = new WeakMap<Reconciler, number>();
        return function tick(this: Reconciler, now) {
          const times = (looked.get(this) ?? 0) + 1;
          looked.set(this, times);
          if (times < 20) original.call(this, now);
        };
      }),
  },
  {
    name: "guard-set-once",
    row: "2.1 #20: the firewall is not asserted again",
    plant: ({ twist }) => {
      const done = new WeakSet<object>();
      twist((host, effect) => {
        if (effect.kind !== "apply") return [effect];
        const isSet = effect.ops.some(({ kind }) => kind === "guard-set");
        if (!isSet) return [effect];
        if (done.has(host)) return without(effect, "guard-set");
        done.add(host);
        return [effect];
      });
    },
  },
  {
    name: "interfaces-stay",
    row: "2.1 #16: interfaces of what is gone stay",
    plant: ({ twist }) => twist((_, effect) => without(effect, "port-remove")),
  },
  {
    name: "segments-stay",
    row: "2.1 #16: devices of a network without endpoints stay",
    plant: ({ twist }) => twist((_, effect) => without(effect, "segment-remove")),
  },
  {
    name: "teardown-never-comes",
    row: "2.1 #17: an endpoint whose namespace went without a word stays for ever",
    plant: ({ patch }) => patch(Attachments.prototype, "compare", () => () => undefined),
  },
  {
    name: "any-block-is-mine",
    row: "2.1 #8: addresses are handed out of others' blocks",
    plant: ({ patch }) =>
      patch(
        Ledger.prototype,
        "blocksOf",
        () =>
          function blocksOf(this: Ledger, network) {
            return this.holdings(network);
          },
      ),
  },
  {
    name: "owner-is-not-asked",
    row: "2.1 #8: who wants a certain address takes it, whosever it is",
    plant: ({ patch }) =>
      patch(
        Ledger.prototype,
        "ownerOf",
        (original) =>
          function ownerOf(this: Ledger, network, ip) {
            const holding = original.call(this, network, ip);
            const [mine] = this.holdings(network);
            return mine === undefined || holding === undefined
              ? holding
              : { ...holding, owner: mine.owner };
          },
      ),
  },
  {
    name: "use-is-forgotten",
    row: "2.1 #8: after a restart addresses in use count as free",
    plant: ({ patch }) =>
      patch(Pool.prototype, "use", (original) => {
        return function use(this: Pool, address, key) {
          if (address % 4n !== 0n) original.call(this, address, key);
        };
      }),
  },
  {
    name: "rest-is-skipped",
    row: "2.2: an address is given to another at once, and old words about it still travel",
    plant: ({ patch }) =>
      patch(Pool.prototype, "release", () => {
        return function release(this: Pool, address) {
          this.giveBack(address);
        };
      }),
  },
  {
    name: "donor-keeps",
    row: "2.1 #8: a donor goes on handing out what it gave away",
    plant: ({ patch }) => {
      patch(Pool.prototype, "pledge", () => () => undefined);
      patch(Ledger.prototype, "blocksOf", (original) => {
        return function blocksOf(this: Ledger, network, host) {
          const given = this.grantsBy(host, network);
          const back = this.holdings(network).filter(({ owner }) =>
            given.some(({ to }) => to === owner),
          );
          return [...original.call(this, network, host), ...back];
        };
      });
    },
  },
  {
    name: "static-not-checked",
    row: "2.1 #8: an address that is taken is given to whoever names it",
    plant: ({ patch }) => patch(Pool.prototype, "stateOf", () => () => ({ kind: "free" }) as const),
  },
  {
    name: "released-by-anybody",
    row: "2.1 #17: a late release frees an address that has a new owner",
    plant: ({ patch }) =>
      patch(Allocator.prototype, "use", (original) => {
        return function use(this: Allocator, network, ip, key) {
          original.call(this, network, ip, key);
          this.giveBack(network, ip);
        };
      }),
  },
];

function without(effect: Effect, kind: DataplaneOp["kind"]): readonly Effect[] {
  return onlyOps(effect, (op) => op.kind !== kind);
}

function onlyOps(effect: Effect, isKept: (op: DataplaneOp) => boolean): readonly Effect[] {
  return effect.kind === "apply" ? [{ ...effect, ops: effect.ops.filter(isKept) }] : [effect];
}
