/** What the witness sees on one host's disk: all that this host can know. */
import type { EndpointRecord } from "../../agent/schema.ts";
import type { EndpointId, HostId } from "../../base/id.ts";
import type { Head } from "../../store/head.ts";

/** An endpoint as some host knows it. */
export type Seen = EndpointRecord & {
  readonly id: EndpointId;
  readonly host: HostId;
  /** When this host came to know it, and when it went; undefined while it is there. */
  readonly since: number;
  goneAt: number | undefined;
};

/** What one replica holds, as its disk would show it. */
export type View = {
  readonly heads: Map<HostId, Head>;
  /** When each of them came. */
  readonly headAt: Map<HostId, number>;
  readonly endpoints: Map<EndpointId, Seen>;
  /** Networks, and who has removed them: `network/<id>` and `removal/<id>` rows by origin. */
  readonly networks: Set<string>;
  readonly removals: Set<string>;
  /** Hosts that were forgotten, and who forgot them: `retirement/<id>` rows by origin. */
  readonly retirements: Set<string>;
};

export function emptyView(): View {
  return {
    ...{ heads: new Map(), headAt: new Map(), endpoints: new Map() },
    ...{ networks: new Set<string>(), removals: new Set<string>() },
    ...{ retirements: new Set<string>() },
  };
}

/** Where a word of this kind is noted, by which a network or a host goes. */
export function wordsOf({ removals, retirements }: View, kind: string): Set<string> | undefined {
  if (kind === "removal") return removals;
  return kind === "retirement" ? retirements : undefined;
}

/** Whether the network stands, as far as this replica knows. */
export function isShown({ networks, removals }: View, id: string): boolean {
  return networks.has(id) && ![...removals].some((row) => row.startsWith(id));
}

/** Whether somebody has forgotten the host, as far as this replica knows. */
export function isForgotten({ retirements }: View, host: HostId): boolean {
  return [...retirements].some((row) => row.startsWith(`${host} `));
}
