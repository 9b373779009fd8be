/**
 * Every default and limit of the daemon, each with its unit, its reason and, where there is one,
 * its formula. Past this file nothing is optional: a machine takes the complete, readonly slice it
 * needs.
 */

import type { Ip } from "../base/address.ts";

/**
 * What an operator may set, after flags, `STARLING_*` and the file have been laid over the
 * defaults.
 */
export type Config = {
  /**
   * Seed addresses: `host`, `host:port` or a multiaddr. Empty: found a cluster, or resume the one
   * on disk.
   */
  readonly join: readonly string[];
  /** The join token; only needed until this host is a member. */
  readonly token: string | undefined;
  /** Underlay interface or address; undefined: the route to the seed, else to anywhere, decides. */
  readonly bind: string | undefined;
  /** TCP port of agents. */
  readonly port: number;
  readonly dataDir: string;
  readonly socket: string;
  /**
   * Where Docker looks for its plugin `starling`, a socket; `off`: nowhere; `auto`: in its usual
   * place, where Docker is installed and this agent is in the machine's own network.
   */
  readonly dockerPlugin: string;
  /** Where Docker's API is. */
  readonly dockerSocket: string;
  /** UDP port of VXLAN. All hosts must agree. */
  readonly vxlanPort: number;
  /** Name shown to people; undefined: the host's name. */
  readonly name: string | undefined;
  /**
   * No other host knows more of this one than its own disk: write and hand out addresses although
   * none has answered since the start.
   */
  readonly isolated: boolean;
  /** Answer names for endpoints of this host, at their networks' gateways. */
  readonly dns: boolean;
  /** Seconds for which an answer may be remembered. */
  readonly dnsTtl: number;
  /** Whom other names are asked of; empty: whom /etc/resolv.conf names. */
  readonly dnsUpstreams: readonly Ip[];
  /** Remove every kernel object of ours on exit: for labs. */
  readonly purgeOnExit: boolean;
};

/** What holds where the operator says nothing. */
export const configDefaults: Config = {
  join: [],
  token: undefined,
  bind: undefined,
  // Unassigned by IANA; away from 7946 (serf, Swarm), so that both may run beside us.
  port: 7790,
  dataDir: "/var/lib/starling",
  socket: "/run/starling/starling.sock",
  dockerPlugin: "auto",
  dockerSocket: "/var/run/docker.sock",
  // IANA's port for VXLAN (RFC 7348).
  vxlanPort: 4789,
  name: undefined,
  isolated: false,
  dns: true,
  // An endpoint that moves is found again in this time, and a busy client asks twice a minute less
  // than with the least, one.
  dnsTtl: 2,
  dnsUpstreams: [],
  purgeOnExit: false,
};

/**
 * The daemon's one timer. Deadlines wait at most this long; commands and messages do not wait at
 * all.
 */
export const tickMs = 100;

/** The end of everything that could grow. */
export const limits = {
  /**
   * A message on a link or in gossip. Two coalesced batches of 16 kB and their heads fit several
   * times over.
   */
  messageBytes: 256 * 1024,
  /** A page of a bulk transfer: large enough that one round trip per page does not matter. */
  pageBytes: 64 * 1024,
  /** A record's value. The largest of ours, a host with its addresses, is under 2 kB. */
  valueBytes: 8 * 1024,
  /**
   * Records of one origin: one host's endpoints, ranges and networks, with room for a dense host.
   */
  recordsPerOrigin: 20_000,
  /** Bytes of one origin's keys and values: its set is held whole while it is checked. */
  bytesPerOrigin: 8 * 1024 * 1024,
  /** The part of both that an operator's own commands leave to withdrawals, grants and the like. */
  ownReserve: 0.1,
  /** Origins: hosts, past and present. */
  origins: 4_096,
  /** Bytes of the API's request bodies. */
  bodyBytes: 1024 * 1024,
  /**
   * Connections to each of the API's sockets: an operator's shells and plugins, many times over.
   */
  apiConnections: 64,
  /** Milliseconds for a request to arrive. One from this host takes one. */
  apiRequestMs: 10_000,
  /** Connections of Docker: it makes one for each call under way, and starts many at once. */
  dockerConnections: 256,
  /** Milliseconds for one call of Docker's: its users were promised an answer within 5 s. */
  dockerCallMs: 4_500,
  /** Bytes of one answer of Docker's API: a network with all its containers, some thousand. */
  dockerAnswerBytes: 16 * 1024 * 1024,
  /** Milliseconds for it: Docker holds an answer back while it starts a container. */
  dockerAnswerMs: 30_000,
  /** Address pools that Docker asked for and made no network of. */
  dockerPools: 256,
  /** Bytes of events waiting for one reader of the API: some thousand changes. */
  watchBytes: 1024 * 1024,
  /** The longest that a command may wait for other hosts' kernels, in milliseconds. */
  waitMs: 600_000,
  /** Bytes of the list of grants that one retired host had made to us: some thousand. */
  keptBytes: 1024 * 1024,
  /** Bytes of the configuration file. A long one with comments is under 4 kB. */
  configBytes: 64 * 1024,
  /** Seeds: one is enough, and all hosts of the largest cluster may be listed. */
  seeds: 64,
  /** Reports in one message when two hosts compare: about 16 kB. */
  reportsAtOnce: 64,
  /**
   * Hosts up to which every report is reckoned with at once, which takes 3 us for each host; in a
   * larger cluster that loses half its hosts, reports come faster than that.
   */
  reckonAtOnce: 128,
  /** A message passed on for others: the longest is a request to join. */
  letterBytes: 8 * 1024,
  /** Links on a letter's way: the diameter of 10,000 hosts on four rings is 8 (gossip.md 2.3). */
  letterHops: 12,
  /** Changes remembered to make deltas small; an older replica gets the full set. */
  tombstonesPerOrigin: 1_024,
  /** Connections per host: what the neighbours in a large cluster need, many times over. */
  connections: 64,
  /** Connections being set up: four times the largest lab, against idle strangers at the door. */
  pendingConnections: 256,
  /**
   * Bytes waiting on one link for a peer that does not read: 32 of the largest messages. Past it
   * the link is closed.
   */
  sendQueueBytes: 8 * 1024 * 1024,
  /** Streams of bulk transfer served at once. */
  pullsServed: 4,
  /**
   * Requests to join being answered at once: a rack that boots together comes in at the first try,
   * and strangers can make us sign for a hundredth of a second.
   */
  joinsServed: 64,
  /** Milliseconds to a TCP connection: one lost SYN. One sent into a split must not outlast it. */
  connectMs: 1_500,
  /** Milliseconds from the first packet to a link: two lost SYNs (1 s, 2 s) and a busy host. */
  dialMs: 5_000,
  /** Milliseconds a stranger has for the handshake, which takes 10 on a quiet host. */
  upgradeMs: 3_000,
  /** Milliseconds for one request to join, passed on to the token's issuer, and its answer. */
  joinMs: 10_000,
  /** Milliseconds without progress after which a bulk transfer ends. */
  stallMs: 10_000,
  /** Tokens of one issuer that are not yet forgotten. */
  tokens: 64,
  /** Hosts that one token may let in: the largest cluster. */
  tokenUses: 4_096,
  /** Bytes of an issuer's book: a use is 90, and a few tokens of that size fit. */
  tokenBookBytes: 4 * 1024 * 1024,
  /** Milliseconds for which a token that is over is told apart from one that never was: a week. */
  tokenMemoryMs: 7 * 24 * 3_600_000,
  /** Revocations: as many as there may be hosts, past and present. */
  revocations: 4_096,
  /** Bytes of one: it names up to 4,096 hosts that an admin let in, 52 each, and fits a message. */
  revocationBytes: 240 * 1024,
  /** Bytes of all: each of the 4,096 with a few names. */
  revocationsBytes: 4 * 1024 * 1024,
  /** Messages that prove false before a host is left alone for a while. */
  falseMessages: 16,
  /** Further names of one endpoint: a container has a few, and a record stays short. */
  aliases: 16,
  /** Addresses held for endpoints about to be made: as many as may be asked for at once. */
  reservations: 1_024,
  /**
   * Addresses in one answer. A message over TCP holds a thousand, and nobody tries a hundred in
   * turn.
   */
  namesAnswers: 256,
  /** Addresses that may be named for asking other names of: a resolver tries three. */
  dnsUpstreams: 8,
  /** Commands waiting for the kernel, the disk or other hosts. */
  commandsPending: 1_024,
} as const;

/**
 * Milliseconds that a leaving host is waited for where nobody says how long: other hosts write to
 * disk and answer, which takes tens.
 */
export const leaveMs = 10_000;

/** How names are answered; times in milliseconds. */
export const naming = {
  // Who has just been attached asks at once; another program on the port takes an operator. A
  // connection holds an answer too large for a datagram, or what a resolver sends in one go.
  listen: {
    port: 53,
    eagerMs: 10,
    retryMs: 1_000,
    connections: 128,
    idleMs: 10_000,
    pipelined: 64,
  },
  // A page of a browser asks for a hundred names, a loop without a pause for thousands.
  quota: { perSecond: 500, burst: 1_000, askers: 4_096 },
  // Three in a row take less than the 5 s after which an asker gives up. Each open one is a socket.
  forward: { port: 53, askMs: 1_500, asks: 3, openAtMost: 512, openPerAsker: 64 },
  resolvConf: "/etc/resolv.conf",
} as const;

/** Periods and deadlines of the core's machines, in milliseconds. */
export const timing = {
  rings: {
    // Degree at most 8: of 1,000 hosts of which half die at once, 2 are cut off (gossip.md 2.3).
    rings: 4,
    // Ten hosts on four rings have degree 6 to 8, so below that rings would save nothing.
    fullMesh: 9,
  },
  neighbours: {
    // A new one every 30 s: what two far parts do not know of each other, they learn from it.
    random: 2,
    replaceMs: 60_000,
    // Longer than a map takes to be equal on both ends, so that a link one wants is not cut.
    lingerMs: 15_000,
  },
  // A host that one neighbour alone does not reach answers it twice a minute at most.
  refute: { minMs: 1_000, maxMs: 30_000 },
  // One look for each retry, however many hosts doubt.
  doubtMs: 250,
  liveness: {
    // One ping per link and second: about 200 B/s a link, and a silent host is known in under 3 s.
    pingPeriodMs: 1_000,
    // Hundreds of LAN round trips; a busy host answers late, so it is then asked three times more.
    pingTimeoutMs: 500,
    retries: 3,
    retryMs: 250,
    // Connecting to many at once takes a busy host two seconds more; to miss one is news for all.
    firstMs: 3_000,
    // More than a tick and a long garbage collection: what is later was a pause of ours.
    pauseMs: 350,
    tickMs,
    // Once for us and once for the other, as busy; at most, silence is known in 5 s instead of 2.
    slackFactor: 2,
    slackMaxMs: 1_500,
    patienceMaxMs: 30_000,
  },
  dialer: {
    retryMs: 250,
    // Others reach it, so the path is at fault and nothing hurries.
    lostMinMs: 1_000,
    lostMaxMs: 30_000,
    // clamp(0.5 s x alive, 1 s, 30 s) per host is about two attempts a second over the cluster
    // (gossip.md 3.5).
    unreachablePerAliveMs: 500,
    unreachableMinMs: 1_000,
    unreachableMaxMs: 30_000,
    seedMinMs: 500,
    seedMaxMs: 10_000,
    dialMs: 10_000,
  },
  replication: {
    // The first change goes at once; under load one message carries what came in this time.
    coalesceMinMs: 2,
    coalesceMaxMs: 20,
    pushBytes: 16 * 1024,
    // One may be slow, or behind itself; a third would most likely tell the same.
    compares: 2,
    relayedHeads: 16,
    // A disk that was full has room again when somebody has made some.
    keepAgainMs: 1_000,
  },
  catchUp: {
    pullIdleMs: 10_000,
    // The host that serves as many as it may is done with one in about this time.
    pullRetryMs: 200,
    // One pull that comes to nothing, and a half.
    patienceMs: 15_000,
    // One is decoded while the next is on its way; more would only share the same core.
    fetches: 2,
    // Of a hundred records each: 300 kB, so that the disk has a say five times a megabyte.
    fetchOrigins: 16,
    // Two of LevelDB's batches: one is being written, one is ready.
    rowsUnkept: 16_384,
  },
  fence: {
    // Every host is dialled once in 30 s at the latest, but most at once: who has not been reached
    // in this time will most likely not be, and a host that is alone must be able to work.
    aloneMs: 10_000,
    // Of remembered peers that are up most link within 100 ms of the first, all within a second.
    glanceMs: 200,
    settleMs: 2_000,
    askAgainMs: 1_000,
    // Once for a disk that went back, once for a clock that did too.
    outdone: 2,
  },
  addressing: {
    // An ask whose answer was lost is asked again, of the next donor.
    askMs: 1_000,
    // Long enough for every late packet to the old holder to be gone, and for anti-entropy's
    // slowest repair, twice.
    restMs: 60_000,
    prefetchMs: 1_000,
    // Everybody said no: space comes back when endpoints go, which is not sooner than this.
    deniedMs: 5_000,
    // The smallest block four times: a host with a few dozen endpoints asks once.
    askSize: 64,
    // A burst of endpoints is over by then, or the next question is already twice as large.
    recentMs: 60_000,
  },
  reconciler: {
    // For what no notification told of (research note, L7: at most 10 s). Each dump starts five
    // small processes, about 15 ms of a core: a third of a percent of it.
    sweepMs: 5_000,
    watchMs: 250,
    // Our own changes are notified as well; while they keep coming, the sweep is soon enough.
    quietMs: 1_000,
    retryMs: 1_000,
    // A dump takes about 20 ms, so that under a hundred changes a second most are in vain. The one
    // after these is waited for: 20 ms once a second at the worst.
    staleDumps: 3,
  },
  admission: {
    // A year: longer than any host is away, shorter than what is forgotten in an image.
    certificateMs: 365 * 24 * 3_600_000,
    // The last third: four months for any admin to be reachable once.
    renewalShare: 1 / 3,
    // Between two questions for a new certificate, and two looks at whether one is needed.
    renewMs: 10_000,
    // What `starling token` prints without a word: enough for a first day, and for a rack.
    tokenMs: 24 * 3_600_000,
    tokenUses: 1_000,
    // A token that is about to end is not printed any more.
    tokenReserveMs: 3_600_000,
    // Between two words on what we know to be revoked, on each link: 40 bytes.
    compareMs: 5_000,
    // So long a host whose messages proved false is left alone.
    penaltyMs: 60_000,
    // A request to join that waits for its issuer; the joiner waits twice as long.
    relayMs: 5_000,
  },
  // What changes is looked at within a tick; this is for what no record tells, such as who answers.
  forgettingMs: 1_000,
  // Where all others answer, a forgotten host is settled after three writes to disk and two ticks.
  settleMs: 2_000,
  // Word of a host's leaving reaches a LAN in milliseconds; who is slower hears it from others.
  farewellMs: 2_000,
  /** While very much comes at once, the kernel's part of it is worked out this often. */
  bulkMs: 250,
  /**
   * And this often while what has come since is little beside what is there: working it out costs
   * as much as all that is there.
   */
  bulkMaxMs: 2_000,
  /** Ten times what a kernel needs: by then the question or its answer is lost. */
  confirmAgainMs: 1_000,
  /** How long an endpoint waits for addresses that others must grant. */
  addressMs: 5_000,
  /** Docker asks for an address and makes the endpoint within seconds, or has died meanwhile. */
  reservationMs: 60_000,
  docker: {
    // What is left over is gone within a minute; a look costs Docker a few milliseconds a network.
    sweepMs: 15_000,
    // Two looks that both lack an endpoint, and none that Docker asked for within the last minute.
    apartMs: 10_000,
    youngMs: 60_000,
    // A Docker that restarts is back in seconds; where there is none, nobody waits.
    retryMs: 250,
    retryMaxMs: 5_000,
    // To find a network, or to write one.
    resolveMs: 10_000,
  },
} as const;
