/**
 * Who is there, from what everybody says of those it watches. A host is reachable that hangs on a
 * chain of hosts that vouch, and has fewer than two accusers for every host that vouches:
 *
 *   unreachable at ceil(2K/3) of K votes:  1 of 1   2 of 2   3 of 4   6 of 8     (a >= 2v, K = a + v)
 *
 * Only who is reachable itself has a vote, so neither the dead nor the far side of a partition
 * keep anybody alive, or accuse anybody.
 */
import type { HostId } from "../base/id.ts";

/** What one host says of another that it watches. */
export type Vote = { readonly on: HostId; readonly kind: "vouch" | "accuse" };

/** What to judge by. */
export type Poll = {
  /** Whose view it is. */
  readonly from: HostId;
  /** What a host says of those it watches; of whom it says nothing it abstains. */
  readonly votesOf: (voter: HostId) => Iterable<Vote>;
  /** Whom we hear ourselves: no number of accusers makes us deaf. */
  readonly heard: ReadonlySet<HostId>;
};

type Tally = { vouchers: number; accusers: number };

/** Every reachable host, and the neighbour of ours that is first on a way to it. */
export function reachable(poll: Poll): ReadonlyMap<HostId, HostId> {
  const condemned = new Set<HostId>();
  for (;;) {
    const { ways, tallies } = grow(poll, condemned);
    const before = condemned.size;
    for (const [host, tally] of tallies) {
      if (ways.has(host) && isCondemned(tally) && !poll.heard.has(host)) condemned.add(host);
    }
    if (condemned.size === before) return ways;
  }
}

/** Grows from ourselves outwards. Who was let in early may have accusers further out. */
function grow({ from, votesOf, heard }: Poll, condemned: ReadonlySet<HostId>) {
  const ways = new Map<HostId, HostId>();
  const tallies = new Map<HostId, Tally>();
  let frontier: readonly HostId[] = [from];
  while (frontier.length > 0) {
    const candidates = new Map<HostId, HostId>();
    for (const voter of frontier) {
      for (const { on, kind } of votesOf(voter)) {
        count(tallies, on, kind);
        const via = ways.get(voter) ?? on;
        if (kind === "vouch" && on !== from && !candidates.has(on)) candidates.set(on, via);
      }
    }
    const fresh = [...candidates].filter(([host]) => {
      const isIn = heard.has(host) || !isCondemned(tallies.get(host));
      return isIn && !ways.has(host) && !condemned.has(host);
    });
    for (const [host, via] of fresh) ways.set(host, via);
    frontier = fresh.map(([host]) => host);
  }
  return { ways, tallies };
}

function count(tallies: Map<HostId, Tally>, host: HostId, kind: Vote["kind"]): void {
  const tally = tallies.get(host) ?? { vouchers: 0, accusers: 0 };
  if (kind === "vouch") tally.vouchers += 1;
  else tally.accusers += 1;
  tallies.set(host, tally);
}

function isCondemned(tally: Tally | undefined): boolean {
  return tally === undefined || tally.accusers >= 2 * tally.vouchers;
}
