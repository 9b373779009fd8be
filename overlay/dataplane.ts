/**
 * What this host's kernel holds of the overlay, and how to change it. `Actual` and `Wanted` are
 * plain data of one shape, so that planning is comparing. Only what carries our mark is ours; the
 * rest is shown and never touched.
 *
 *   endpoint --veth-- port ==[ bridge sl-<vni>, anycast gateway ]== slx-<vni> (VXLAN) -- UDP --> VTEPs of other hosts
 */
import type { Cidr, Ip, Mac, Vni } from "../base/address.ts";
import type { EndpointId } from "../base/id.ts";

/** The network that joins the hosts, as this host sees it. */
export type Underlay = {
  readonly device: string;
  /** Our tunnel address: the VTEP. */
  readonly address: Ip;
  /** Bytes of IP payload the route carries: the device's or the route's MTU, whichever is less. */
  readonly mtu: number;
};

/**
 * A remote endpoint as a kernel needs it: frames for `mac` leave to `vtep`; its addresses resolve
 * to `mac`.
 */
export type RemoteEntry = { readonly mac: Mac; readonly vtep: Ip; readonly ips: readonly Ip[] };

/** One network's devices on this host. */
export type Segment = {
  readonly vni: Vni;
  /**
   * Gateway addresses with prefix length, `10.32.0.1/16`: the bridge carries them on every host.
   */
  readonly gateways: readonly string[];
  readonly gatewayMac: Mac;
  /** MAC of our VXLAN device: explicit, because udev derives equal ones on cloned machines. */
  readonly vxlanMac: Mac;
  readonly vtep: Ip;
  readonly vxlanPort: number;
  readonly mtu: number;
  readonly remotes: ReadonlyMap<Mac, RemoteEntry>;
  /** Local endpoints whose ports belong on this bridge, and the one MAC each may use. */
  readonly ports: ReadonlyMap<EndpointId, Mac>;
};

/** All segments this host should hold, by VNI. The guard follows from them. */
export type Wanted = { readonly segments: ReadonlyMap<Vni, Segment> };

/**
 * Who may send into our segments: a tunnelled frame that claims one of these VNIs is dropped unless
 * it comes from a VTEP named with it. Tunnels of others on the same port are let alone.
 */
export type Guard = {
  readonly vxlanPort: number;
  readonly senders: ReadonlyMap<Vni, ReadonlySet<Ip>>;
};

/** What the firewall holds of the guard. */
export type ActualGuard =
  | { readonly kind: "absent" }
  /** The guard is undefined where somebody changed more of it than who may send. */
  | { readonly kind: "present"; readonly guard: Guard | undefined }
  | { readonly kind: "unsupported"; readonly reason: string };

/** One end of one address on a device, as the kernel shows it. */
export type NeighbourRow = { readonly ip: Ip; readonly mac: Mac };
/** One line of a forwarding table; a row without a VTEP leads to a local port. */
export type FdbRow = { readonly mac: Mac; readonly vtep: Ip | undefined };

/** What the kernel holds under our mark. A field is undefined where the device is missing. */
export type ActualSegment = {
  readonly vni: Vni;
  readonly bridge:
    | {
        readonly mac: Mac;
        readonly mtu: number;
        readonly isUp: boolean;
        /** No spanning tree, no snooping: both as we set them. */
        readonly hasFlags: boolean;
        readonly gateways: readonly string[];
        readonly neighbours: readonly NeighbourRow[];
      }
    | undefined;
  readonly vxlan:
    | {
        readonly mac: Mac;
        readonly mtu: number;
        readonly isUp: boolean;
        readonly vtep: Ip | undefined;
        readonly port: number;
        readonly isOnBridge: boolean;
        /** Learning off, neighbour suppression on, flooding off: all as we set them. */
        readonly hasPortFlags: boolean;
        /** Static entries: towards a VTEP on the device itself ... */
        readonly fdb: readonly FdbRow[];
        /** ... and, per MAC, that the bridge sends it out of this device. */
        readonly bridgeFdb: readonly Mac[];
      }
    | undefined;
};

/** The host's end of an endpoint's interface. */
export type ActualPort = {
  /** Of the bridge it is on, if that is one of ours. */
  readonly vni: Vni | undefined;
  readonly isUp: boolean;
  /** The MACs it may use; undefined where it could teach the bridge others. */
  readonly macs: readonly Mac[] | undefined;
};

/** All that carries our mark in this kernel, and what stands in our way. */
export type Actual = {
  readonly segments: ReadonlyMap<Vni, ActualSegment>;
  readonly ports: ReadonlyMap<EndpointId, ActualPort>;
  readonly guard: ActualGuard;
  /** Destinations of the host's own routes, without ours: a new subnet must not overlap them. */
  readonly routes: readonly { readonly cidr: Cidr; readonly device: string }[];
  /** VXLAN devices of others: their frames are none of the guard's business. */
  readonly tunnels: readonly { readonly vni: Vni; readonly port: number }[];
  /** Links whose names we would use but which are not ours. */
  readonly conflicts: readonly { readonly device: string; readonly reason: string }[];
};

/** Where an endpoint's interface goes. */
export type InterfacePlace =
  /** Into the namespace at a path (`/run/netns/web`, `/proc/1234/ns/net`), ready for use. */
  | { readonly kind: "netns"; readonly netns: string; readonly interface: string }
  /** Beside its port, under this name, for somebody else to move and to configure. */
  | { readonly kind: "link"; readonly link: string };

/** An interface to be made and joined to a segment's bridge. */
export type Attachment = {
  readonly endpoint: EndpointId;
  readonly vni: Vni;
  readonly place: InterfacePlace;
  readonly mac: Mac;
  /** With prefix length. */
  readonly addresses: readonly string[];
  readonly gateways: readonly Ip[];
  readonly mtu: number;
};

/** One kernel change. Each is idempotent: doing it twice is doing it once. */
export type DataplaneOp =
  /** Does nothing where the kernel or its tools cannot: a dump says so. */
  | { readonly kind: "guard-set"; readonly guard: Guard }
  | { readonly kind: "guard-remove" }
  | { readonly kind: "bridge-set"; readonly segment: Segment }
  | { readonly kind: "vxlan-set"; readonly segment: Segment }
  | {
      readonly kind: "port-set";
      readonly vni: Vni;
      readonly endpoint: EndpointId;
      readonly mac: Mac;
    }
  | { readonly kind: "remote-set"; readonly vni: Vni; readonly remote: RemoteEntry }
  | { readonly kind: "remote-remove"; readonly vni: Vni; readonly mac: Mac }
  | { readonly kind: "neighbour-remove"; readonly vni: Vni; readonly ip: Ip; readonly mac: Mac }
  | { readonly kind: "gateway-remove"; readonly vni: Vni; readonly gateway: string }
  | { readonly kind: "port-mac-remove"; readonly endpoint: EndpointId; readonly mac: Mac }
  | { readonly kind: "port-remove"; readonly endpoint: EndpointId }
  | { readonly kind: "segment-remove"; readonly vni: Vni };

/** What came of one op of a batch; the others are not affected. */
export type OpFailure = { readonly op: DataplaneOp; readonly reason: string };

/** The kernel, as the core sees it. */
export interface Dataplane {
  /** A fresh dump. Throws a MeshError: DATAPLANE_REFUSED. */
  read(): Promise<Actual>;
  /** Applies in order, going on past failures, and names them. */
  apply(ops: readonly DataplaneOp[]): Promise<readonly OpFailure[]>;
  /**
   * Makes the interface, or undoes all of it. The bridge must exist. A link has no namespace yet.
   * Throws a MeshError: BAD_REQUEST, NETNS_MISSING, INTERFACE_TAKEN, DATAPLANE_REFUSED.
   */
  attach(attachment: Attachment): Promise<{ readonly netnsInode: number | undefined }>;
  /**
   * The inode behind a namespace path, or undefined where there is no namespace: inodes tell a
   * reused path.
   */
  netnsInode(path: string): Promise<number | undefined>;
  /**
   * Calls back soon after anything that may be ours changed in the kernel, by whomever. Returns how
   * to stop.
   */
  watch(changed: () => void): () => void;
}
