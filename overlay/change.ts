/**
 * What is to be done when a wish changes: what `plan` says against a kernel that holds the former
 * one, at the cost of what differs and not of all there is. One endpoint more among 10,000 is one
 * operation, and has to be found in a millisecond or two.
 */
import type { Actual, DataplaneOp, RemoteEntry, Segment, Wanted } from "./dataplane.ts";
import { actualOf } from "./expected.ts";
import { guardOf } from "./guard.ts";
import { planGuard, planSegments } from "./plan.ts";
import { RemoteTable } from "./remote-table.ts";

/**
 * The same operations as `plan(after, actualOf(before))`, where others have these tunnels and no
 * other thing in our way.
 */
export function planChange(
  before: Wanted,
  after: Wanted,
  tunnels: Actual["tunnels"],
): DataplaneOp[] {
  const [held, wanted] = onlyChanged(before, after);
  const guard = guardOf(before, tunnels);
  const actual = guard === undefined ? absent : ({ kind: "present", guard } as const);
  return [...planGuard(guardOf(after, tunnels), actual), ...planSegments(wanted, actualOf(held))];
}

const absent = { kind: "absent" } as const;

/** Both wishes without what they have in common: whole segments, or remote endpoints of one. */
function onlyChanged(before: Wanted, after: Wanted): [Wanted, Wanted] {
  const held = new Map(before.segments);
  const wanted = new Map(after.segments);
  for (const [vni, segment] of after.segments) {
    const former = held.get(vni);
    if (former === segment) {
      held.delete(vni);
      wanted.delete(vni);
    } else if (former !== undefined && hasSameDevices(former, segment)) {
      held.set(vni, without(former, segment));
      wanted.set(vni, without(segment, former));
    }
  }
  return [{ segments: held }, { segments: wanted }];
}

/** Whether only ports and remote endpoints can differ. */
function hasSameDevices(a: Segment, b: Segment): boolean {
  return (
    a.gatewayMac === b.gatewayMac &&
    a.vxlanMac === b.vxlanMac &&
    a.vtep === b.vtep &&
    a.vxlanPort === b.vxlanPort &&
    a.mtu === b.mtu &&
    isSameList(a.gateways, b.gateways)
  );
}

function without(segment: Segment, other: Segment): Segment {
  if (segment.remotes instanceof RemoteTable && other.remotes instanceof RemoteTable)
    return { ...segment, remotes: segment.remotes.without(other.remotes) };
  const remotes = new Map<RemoteEntry["mac"], RemoteEntry>();
  for (const [mac, remote] of segment.remotes) {
    if (!isSameRemote(remote, other.remotes.get(mac))) remotes.set(mac, remote);
  }
  return { ...segment, remotes };
}

function isSameRemote(a: RemoteEntry, b: RemoteEntry | undefined): boolean {
  return a === b || (b !== undefined && a.vtep === b.vtep && isSameList(a.ips, b.ips));
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at]);
}
