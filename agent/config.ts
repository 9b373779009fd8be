/**
 * Every default and limit of the daemon, each with its unit, its reason and, where there is one, its formula.
 * Past this file nothing is optional: a machine takes the complete, readonly slice it needs.
 */

/** What an operator may set, after flags, `STARLING_*` and the file have been laid over the defaults. */
export type Config = {
  /** Seed addresses: `host`, `host:port` or a multiaddr. Empty: found a cluster, or resume the one on disk. */
  readonly join: readonly string[];
  /** The join token; only needed until this host is a member. */
  readonly token: string | undefined;
  /** Underlay interface or address; undefined: the route to the seed, else to anywhere, decides. */
  readonly bind: string | undefined;
  /** TCP port of agents. */
  readonly port: number;
  readonly dataDir: string;
  readonly socket: string;
  /** UDP port of VXLAN. All hosts must agree. */
  readonly vxlanPort: number;
  /** Name shown to people; undefined: the host's name. */
  readonly name: string | undefined;
  /** Remove every kernel object of ours on exit: for labs. */
  readonly purgeOnExit: boolean;
};

export const configDefaults: Config = {
  join: [],
  token: undefined,
  bind: undefined,
  // Unassigned by IANA; away from 7946 (serf, Swarm), so that both may run beside us.
  port: 7790,
  dataDir: "/var/lib/starling",
  socket: "/run/starling/starling.sock",
  // IANA's port for VXLAN (RFC 7348).
  vxlanPort: 4789,
  name: undefined,
  purgeOnExit: false,
};

/** The daemon's one timer. Deadlines wait at most this long; commands and messages do not wait at all. */
export const tickMs = 100;

export const limits = {
  /** A message on a link or in gossip. Two coalesced batches of 16 kB and their heads fit several times over. */
  messageBytes: 256 * 1024,
  /** A page of a bulk transfer: large enough that one round trip per page does not matter. */
  pageBytes: 64 * 1024,
  /** A record's value. The largest of ours, a host with its addresses, is under 2 kB. */
  valueBytes: 8 * 1024,
  /** Records of one origin: one host's endpoints, ranges and networks, with room for a dense host. */
  recordsPerOrigin: 20_000,
  /** Origins: hosts, past and present. */
  origins: 4_096,
  /** Bytes of the API's request bodies. */
  bodyBytes: 1024 * 1024,
  /** Changes remembered to make deltas small; an older replica gets the full set. */
  tombstonesPerOrigin: 1_024,
  /** Connections per host: twice what the computed neighbours of a large cluster need, many times over. */
  connections: 64,
  /** Connections being set up: four times the members of the largest lab, against idle strangers at the door. */
  pendingConnections: 256,
  /** Streams of bulk transfer served at once. */
  pullsServed: 4,
  /** Commands waiting for the kernel, the disk or other hosts. */
  commandsPending: 1_024,
} as const;
