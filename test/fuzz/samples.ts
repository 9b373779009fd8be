/** Right inputs of every kind, to be made nearly right ones. */
import { encode } from "../../base/codec.ts";
import { certify, clusterOf } from "../../membership/certificate.ts";
import { rootIssuer } from "../../membership/warrant.ts";
import { deltaToPlain } from "../../store/delta.ts";
import { simulatedCrypto, simulatedHost, simulatedSigner } from "../simulation/crypto.ts";
import { makeHost } from "../store/world.ts";

const root = simulatedSigner(1);
/** Two hosts of one cluster, and what one of them can sign with. */
export const [host, other] = [simulatedHost(1), simulatedHost(2)];
export const crypto = simulatedCrypto(host);
export const cluster = clusterOf(root.publicKey, crypto);
export const issuer = rootIssuer(cluster, root);
export const certificate = certify(other, { serial: 1, notAfter: 1_900_000_000_000 }, issuer);

const origin = makeHost(1);
export const deltas = [
  origin.write({ "x/1": 1, "x/2": "two", "endpoint/0123456789abcdef": { mac: "02:00" } }),
  origin.write({ "x/1": undefined, "x/3": [1, 2, 3] }),
];
export const [firstDelta, secondDelta] = deltas.map(deltaToPlain);
const { head } = origin.replica.origin(origin.self) ?? { head: undefined };
if (head === undefined) throw new Error("bug: a host that wrote nothing");
export const [knownHead, knownReplica] = [head, origin.replica];

export const networkName = "a".repeat(16);
const report = {
  host,
  incarnation: 1,
  serial: 2,
  isIsolated: false,
  lost: [{ host: other, incarnation: 3 }],
  heard: [other],
  signature: new Uint8Array(64),
};
/** Of each kind of message one, as a plain value. */
export const envelopes: readonly unknown[] = [
  { kind: "ping", nonce: 1, root: new Uint8Array(16), reports: new Uint8Array(8), rttUs: 7 },
  { kind: "pong", nonce: 1, root: new Uint8Array(16), reports: new Uint8Array(8) },
  { kind: "doubt", host, nonce: 1 },
  { kind: "report", report },
  { kind: "reports", reports: [report] },
  {
    kind: "letter",
    from: host,
    to: other,
    hops: 1,
    body: new Uint8Array(9),
    signature: new Uint8Array(64),
  },
  { kind: "delta", delta: firstDelta },
  { kind: "delta", delta: secondDelta },
  { kind: "head", head },
  { kind: "confirm", epoch: 1, seq: 2 },
  { kind: "applied", origin: host, epoch: 1, seq: 2 },
  { kind: "ask", network: networkName, request: "r", size: 64, family: 4, ip: "10.0.0.1" },
  { kind: "deny", network: networkName, request: "r", reason: "none" },
  { kind: "join", id: 1, request: new Uint8Array(40) },
  { kind: "joined", id: 1, answer: new Uint8Array(40) },
  { kind: "renew" },
  { kind: "renewed", certificate },
  { kind: "revocations", entries: [new Uint8Array(20)], isLast: true },
  { kind: "revoked", hash: new Uint8Array(16) },
];

/** Records as they are stored, by key. */
export const records: readonly (readonly [string, unknown])[] = [
  [
    "host/self",
    { certificate, name: "a", address: "10.0.0.1:7790", vtep: "10.0.0.1", version: "1" },
  ],
  [`network/${networkName}`, { name: "web", subnets: ["10.32.0.0/16", "fd00::/64"], created: 7 }],
  [`removal/${networkName}`, {}],
  [
    "endpoint/0123456789abcdef",
    { network: networkName, name: "db", mac: "02:00:00:00:00:01", ips: ["10.32.0.2", "fd00::2"] },
  ],
  [
    `grant/${networkName}/10.32.0.0/24/1`,
    { network: networkName, block: "10.32.0.0/24", generation: 1, to: other, request: "r" },
  ],
  ["hologram/1", encode("of a newer agent")],
];

/** What iproute2 prints of one segment of ours, an endpoint's port and somebody else's device. */
export const shownRows: readonly unknown[] = [
  {
    ifname: "sl-abc",
    ifalias: "starling",
    address: "02:00:00:00:00:01",
    mtu: 1450,
    flags: ["UP"],
    linkinfo: { info_kind: "bridge", info_data: { stp_state: 0, mcast_snooping: 0 } },
    addr_info: [{ local: "10.32.0.1", prefixlen: 16, scope: "global" }],
  },
  {
    ifname: "slx-abc",
    ifalias: "starling",
    address: "02:00:00:00:00:02",
    mtu: 1450,
    flags: ["UP"],
    master: "sl-abc",
    linkinfo: {
      info_kind: "vxlan",
      info_data: { local: "10.0.0.1", id: 2748, port: 4789, learning: false },
      info_slave_data: { learning: false, neigh_suppress: true, isolated: false },
    },
    addr_info: [],
  },
  {
    ifname: "vxlan7",
    address: "02:00:00:00:00:03",
    mtu: 1450,
    flags: [],
    linkinfo: { info_kind: "vxlan", info_data: { id: 7, port: 4789 } },
    addr_info: [],
  },
  { dst: "10.32.0.2", dev: "sl-abc", lladdr: "02:00:00:00:00:09" },
  { dst: "10.0.0.0/24", dev: "eth0" },
  { dst: "default", dev: "eth0" },
];
export const fdbRows: readonly unknown[] = [
  {
    mac: "02:00:00:00:00:09",
    ifname: "slx-abc",
    dst: "10.0.0.2",
    flags: ["self"],
    state: "permanent",
  },
  { mac: "02:00:00:00:00:09", ifname: "slx-abc", flags: [], master: "sl-abc", state: "static" },
];
/** What nft prints with -j. */
export const tables: unknown = {
  nftables: [
    { metainfo: { version: "1.0.6", json_schema_version: 1 } },
    { table: { family: "inet", name: "starling", handle: 1, comment: "1 abcdef" } },
    {
      set: {
        family: "inet",
        name: "senders",
        table: "starling",
        elem: [{ concat: ["10.0.0.2", 7] }],
      },
    },
    { rule: { family: "inet", table: "starling", chain: "input", expr: [{ drop: null }] } },
  ],
};
