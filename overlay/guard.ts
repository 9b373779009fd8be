/**
 * Who may send into our segments, worked out of the segments themselves: the hosts that have
 * endpoints there. A member that is not on a network cannot send into it, nor can a stranger that
 * does not forge a member's address; against forgery only encryption helps.
 */
import type { Ip } from "../base/address.ts";
import type { Actual, Guard, Segment, Wanted } from "./dataplane.ts";
import { RemoteTable } from "./remote-table.ts";

/**
 * The guard of these segments; undefined of none. A VNI that somebody else's device has cannot be
 * ours, and its frames are let alone.
 */
export function guardOf({ segments }: Wanted, foreign: Actual["tunnels"]): Guard | undefined {
  const [first] = segments.values();
  if (first === undefined) return undefined;
  const { vxlanPort } = first;
  const taken = new Set(foreign.filter(({ port }) => port === vxlanPort).map(({ vni }) => vni));
  const guarded = [...segments.values()].filter(({ vni }) => !taken.has(vni));
  const senders = new Map(guarded.map((segment) => [segment.vni, vtepsOf(segment)]));
  return { vxlanPort, senders };
}

function vtepsOf({ remotes }: Segment): ReadonlySet<Ip> {
  if (remotes instanceof RemoteTable) return remotes.vteps();
  const vteps = new Set<Ip>();
  for (const { vtep } of remotes.values()) vteps.add(vtep);
  return vteps;
}

/** Whether two guards let the same senders through. */
export function isSameGuard(a: Guard | undefined, b: Guard | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.vxlanPort === b.vxlanPort &&
    a.senders.size === b.senders.size &&
    [...a.senders].every(([vni, vteps]) => isSameSet(vteps, b.senders.get(vni)))
  );
}

function isSameSet(a: ReadonlySet<Ip>, b: ReadonlySet<Ip> | undefined): boolean {
  return b !== undefined && a.size === b.size && [...a].every((ip) => b.has(ip));
}
