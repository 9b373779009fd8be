/**
 * What the daemon says about itself and the cluster: one shape for the CLI, the API, the dashboard
 * and metrics.
 */
import type { Cidr, Ip, Mac, Vni } from "../base/address.ts";
import type { BootId, ClusterId, EndpointId, HostId, NetworkId } from "../base/id.ts";

/** Worst last. `joining` is only said of oneself. */
export type MemberState = "joining" | "alive" | "suspect" | "unreachable" | "left" | "retired";

/** A host as people know it. */
export type HostRef = { readonly id: HostId; readonly name: string };
/** A network as people know it. */
export type NetworkRef = { readonly id: NetworkId; readonly name: string };

/** A member, as `starling members` shows it. */
export type MemberView = HostRef & {
  readonly isSelf: boolean;
  readonly state: MemberState;
  /** Where its agent listens: `10.0.0.2:7790`. */
  readonly address: string;
  readonly vtep: Ip;
  /** Milliseconds since the state was entered, as seen here. */
  readonly sinceMs: number;
  /** The last round trip on our link, if we have one. */
  readonly rttMs: number | undefined;
  readonly version: string;
};

/** A network, as `starling network ls` shows it. */
export type NetworkView = NetworkRef & {
  readonly vni: Vni;
  readonly subnets: readonly Cidr[];
  readonly gateways: readonly Ip[];
  /** MTU of endpoints on this host. */
  readonly mtu: number;
  readonly createdBy: HostRef;
  readonly endpoints: number;
  /** Addresses this host can hand out at once, and all addresses of the network. */
  readonly freeHere: number;
  readonly addresses: number;
  /** Why the network is not quite as its creator asked: another network has its name. */
  readonly conflict: string | undefined;
};

/** A token of this host, as `starling token ls` shows it. Its secret is not shown again. */
export type TokenView = {
  readonly id: string;
  readonly state: "open" | "expired" | "used up";
  readonly uses: number;
  readonly used: number;
  /** Milliseconds until it expires; negative: since it has. */
  readonly expiresInMs: number;
};

/** An admin, as `starling admin ls` shows it. */
export type AdminView = HostRef & {
  readonly isSelf: boolean;
  /** Who made it one, from the root key down; empty: the root key did. */
  readonly through: readonly HostRef[];
  readonly holdsRoot: boolean;
};

/** A revocation, as `starling revoke --list` shows it. */
export type RevocationView = {
  /** `host`: the key is out for ever. `admin`: the host is no admin any more. */
  readonly scope: "host" | "admin";
  readonly host: HostRef;
  /** Undefined: the root key. */
  readonly by: HostRef | undefined;
};

/**
 * `up`; `unreachable`: its host is; `pending`: this host has not yet got it into its kernel;
 * `missing`: the link of a local one is gone, as its container or the whole host was.
 */
export type EndpointState = "up" | "unreachable" | "pending" | "missing";

/** An endpoint, as `starling endpoint ls` shows it. */
export type EndpointView = {
  readonly id: EndpointId;
  readonly name: string | undefined;
  readonly aliases: readonly string[];
  readonly network: NetworkRef;
  readonly mac: Mac;
  /** With prefix length: `10.32.0.2/16`. */
  readonly addresses: readonly string[];
  readonly host: HostRef;
  readonly state: EndpointState;
  readonly isLocal: boolean;
  /** Only of local endpoints. */
  readonly netns: string | undefined;
  readonly interface: string | undefined;
  /** Of those whose interface somebody else moves into a namespace: its name on this host. */
  readonly link: string | undefined;
  readonly owner: string | undefined;
};

/** An address that is held for an endpoint that is about to be made, or that was. */
export type AddressView = {
  readonly network: NetworkRef;
  /** With prefix length: `10.32.0.2/16`. */
  readonly address: string;
  /** Undefined: for nobody, it is free or somebody's. */
  readonly holder: string | undefined;
};

/** A block of addresses, as `starling ipam` shows it. */
export type RangeView = {
  readonly block: Cidr;
  /** How many hands it went through. */
  readonly generation: number;
  /** Frozen: its host was forgotten, or it came from one, and that is not settled yet. */
  readonly state: "ours" | "reachable" | "unreachable" | "frozen";
};

/** A host's part of a subnet. Counts are exact up to 2^53. */
export type ShareView = {
  readonly host: HostRef;
  readonly ranges: readonly RangeView[];
  readonly size: number;
  readonly used: number;
  /** Released less than a minute ago; only known of this host. */
  readonly resting: number;
  readonly free: number;
};

/** A subnet's addresses, by who can hand them out: `starling ipam`. */
export type SubnetView = {
  readonly network: NetworkRef;
  readonly subnet: Cidr;
  readonly shares: readonly ShareView[];
  /** Of the free ones: in ranges that nobody can use now, and of hosts that do not answer. */
  readonly frozen: number;
  readonly unreachable: number;
  readonly free: number;
};

/** How far the removal of a host is: `starling forget`. */
export type ForgottenView = {
  readonly host: HostRef;
  /** Its endpoints, which the map no longer has. */
  readonly endpoints: number;
  /** Frozen: its addresses are nobody's yet. Released: others have them. */
  readonly addresses: "frozen" | "released";
  /** Hosts that must first acknowledge it. */
  readonly waitingFor: readonly HostRef[];
  /** Who settles it; undefined: nobody can, it has to be forgotten again. */
  readonly settledBy: HostRef | undefined;
};

/** Names on this host: where they are answered, and what became of questions since the start. */
export type DnsView = {
  readonly isOn: boolean;
  /** Gateways at which endpoints are answered. */
  readonly serving: readonly Ip[];
  /** Whom other names are asked of. */
  readonly upstreams: readonly Ip[];
  readonly answered: number;
  readonly forwarded: number;
  readonly refused: number;
};

/** An agent, as `starling status` shows it. */
export type StatusView = {
  readonly version: string;
  readonly state: "joining" | "member";
  /** While joining: what was tried last and why it failed. */
  readonly joining: string | undefined;
  readonly cluster: ClusterId | undefined;
  readonly host: HostRef & { readonly boot: BootId; readonly address: string };
  readonly underlay: { readonly device: string; readonly vtep: Ip; readonly mtu: number };
  readonly members: {
    readonly alive: number;
    readonly suspect: number;
    readonly unreachable: number;
  };
  readonly networks: number;
  readonly endpoints: { readonly local: number; readonly total: number };
  readonly store: {
    readonly epoch: number;
    readonly seq: number;
    /** Equal on two hosts exactly if they hold the same map. */
    readonly root: string;
    readonly origins: number;
    readonly records: number;
  };
  readonly kernel: {
    /** Whether the last dump equalled what the map implies. */
    readonly isInSync: boolean;
    /** Objects that were found changed or missing, and were put right. */
    readonly repairs: number;
    readonly failures: readonly string[];
    readonly conflicts: readonly string[];
  };
  readonly dns: DnsView;
  /** Sentences an operator should read. */
  readonly warnings: readonly string[];
  readonly uptimeMs: number;
};

/**
 * Who has programmed a change into its kernel. `missing` names reachable hosts that had not when
 * time was up.
 */
export type WaitReport = {
  readonly programmed: readonly HostRef[];
  readonly missing: readonly HostRef[];
  readonly unreachable: readonly HostRef[];
  readonly ms: number;
};

/** A change, as `starling watch` prints it. */
export type WatchEvent =
  | { readonly kind: "member"; readonly member: MemberView }
  | {
      readonly kind: "network";
      readonly change: "added" | "changed" | "removed";
      readonly network: NetworkRef;
    }
  | {
      readonly kind: "endpoint";
      readonly change: "added" | "changed" | "removed";
      readonly endpoint: Omit<EndpointView, "state">;
    }
  /**
   * The kernel was changed and holds the map again; so many changes by others were put right so
   * far.
   */
  | { readonly kind: "kernel"; readonly repairs: number };
