/** Clusters of any size as data: hosts with real keys, each with many endpoints in one network. */

import { limits } from "../agent/config.ts";
import { endpointKey, type HostRecord, hostKey, networkKey } from "../agent/schema.ts";
import type { Ip, Mac } from "../base/address.ts";
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import {
  type BootId,
  type ClusterId,
  type EndpointId,
  type HostId,
  type Name,
  type NetworkId,
  parseBootId,
  parseEndpointId,
  parseName,
  parseNetworkId,
} from "../base/id.ts";
import { hostIdOf, nodeCrypto, nodeSigner } from "../base/node/crypto.ts";
import { type Certificate, certify, clusterOf } from "../membership/certificate.ts";
import { rootIssuer } from "../membership/warrant.ts";
import type { Delta } from "../store/delta.ts";
import { Replica } from "../store/replica.ts";
import { type Write, Writer } from "../store/writer.ts";

const root = nodeSigner(seedOf(0));
const network = sure(parseNetworkId("a".repeat(16)));
/** Ends in the year 2100. */
const notAfter = 4_102_444_800_000;

/** A host with a key of its own: the same `n` is always the same host. */
export type Member = {
  readonly n: number;
  readonly host: HostId;
  readonly name: Name;
  readonly crypto: Crypto;
  readonly cluster: ClusterId;
  readonly certificate: Certificate;
  readonly vtep: Ip;
  readonly address: string;
};

/** The n-th host of the cluster, from 1 on. */
export function memberOf(n: number): Member {
  const seed = seedOf(n);
  const crypto = nodeCrypto(seed);
  const host = hostIdOf(nodeSigner(seed).publicKey);
  const cluster = clusterOf(root.publicKey, crypto);
  const certificate = certify(host, { serial: n, notAfter }, rootIssuer(cluster, root));
  const vtep = `10.${200 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}` as Ip;
  const name = sure(parseName(`host-${n}`));
  return { n, host, name, crypto, cluster, certificate, vtep, address: `${vtep}:7790` };
}

/** A member's store, which writes what it is told at once. */
export class Origin {
  readonly replica: Replica;
  readonly #writer: Writer;

  constructor(member: Member) {
    const { host: self, cluster, crypto } = member;
    this.replica = new Replica({ self, cluster, crypto, limits, veto: () => undefined });
    const boot = sure(parseBootId(member.n.toString(16).padStart(16, "0"))) as BootId;
    const { replica } = this;
    this.#writer = new Writer({ replica, crypto, self, cluster, boot, wallMs: 1 });
    this.#writer.open(true);
  }

  write(writes: readonly Write[]): Delta {
    this.#writer.write(0, writes);
    const delta = this.#writer.next();
    if (delta === undefined) throw new Error("bug: nothing to write");
    this.#writer.appended();
    return delta;
  }
}

/** What a host says of itself; the first one made the network. */
export function ownRecords(member: Member): Write[] {
  const { n, certificate, name, address, vtep } = member;
  const record: HostRecord = { certificate, name, address, vtep, version: "bench" };
  const subnets = ["10.32.0.0/12"];
  const made = { key: networkKey(network), value: encode({ name: "big", subnets, created: 1 }) };
  return [{ key: hostKey, value: encode(record) }, ...(n === 1 ? [made] : [])];
}

/** The at-th endpoint of all, from 0 on: no two of one cluster share anything. */
export function endpointRecord(at: number, name = `endpoint-${at}`): Write {
  const hex = (at + 16).toString(16).padStart(8, "0");
  const [high, middle, low] = [(at + 16) >> 16, ((at + 16) >> 8) & 255, (at + 16) & 255];
  const ip = `10.${32 + high}.${middle}.${low}` as Ip;
  const mac = `02:00:${hex.match(/../g)?.join(":")}` as Mac;
  return { key: endpointKey(endpointId(at)), value: encode({ network, name, mac, ips: [ip] }) };
}

/** The id of the at-th endpoint. */
export function endpointId(at: number): EndpointId {
  return sure(parseEndpointId(at.toString(16).padStart(16, "0")));
}

/** The network that all are in. */
export function bigNetwork(): NetworkId {
  return network;
}

function seedOf(n: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => (at < 4 ? (n >> (8 * at)) & 255 : 7));
}

function sure<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("bug: malformed sample");
  return value;
}
