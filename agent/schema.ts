/**
 * The kinds of records. A value that does not fit its kind is kept and relayed but means nothing.
 *
 *   host/self                        who this origin is and where its VTEP is
 *   network/<id>                     a network, written by its creator
 *   removal/<network id>             its removal, written by whoever removed it
 *   endpoint/<id>                    an interface on this origin's host
 *   grant/<network id>/<block>/<g>   a block of addresses handed to another host
 *   appointment/<host id>            an admin makes another host one
 *   bequest/<network id>/<block>/<g> the same, in the stead of a host that was retired
 *   retirement, seen, release        what becomes of hosts that go: see retirements.ts
 */
import * as v from "valibot";
import { type Cidr, type Ip, type Mac, parseCidr, parseIp, parseMac } from "../base/address.ts";
import { decode, encode } from "../base/codec.ts";
import {
  type EndpointId,
  type HostId,
  type Label,
  type Name,
  type NetworkId,
  parseEndpointId,
  parseHostId,
  parseLabel,
  parseName,
  parseNetworkId,
} from "../base/id.ts";
import { branded, countSchema, shortText } from "../base/schema.ts";
import { certificateSchema } from "../membership/certificate.ts";
import { type Chain, chainSchema } from "../membership/warrant.ts";
import { parseRecordKey, type RecordKey } from "../store/record.ts";
import { limits } from "./config.ts";
import type { Removal } from "./retirements.ts";

/** The record of a host about itself. */
// Records are open: a newer agent may add fields, and they must not make the record unreadable to
// us.
export const hostSchema = v.object({
  certificate: certificateSchema,
  name: branded(parseName),
  address: shortText(64),
  vtep: branded<Ip>(parseIp),
  version: shortText(32),
  /** Of an admin: why it may sign. */
  admin: v.optional(chainSchema),
  /** On its way out, or out: absent of a host that stays. */
  standing: v.optional(v.picklist(["leaving", "left"])),
});
/** A host, as it says of itself. */
export type HostRecord = v.InferOutput<typeof hostSchema>;

/** The record of a network, by its creator. */
export const networkSchema = v.object({
  name: branded(parseName),
  subnets: v.pipe(v.array(branded<Cidr>(parseCidr)), v.minLength(1), v.maxLength(2)),
  /** Hybrid logical time of creation: the older of two networks keeps a contested name or VNI. */
  created: countSchema,
});
/** A network, as its creator made it. */
export type NetworkRecord = v.InferOutput<typeof networkSchema>;

/** The record of an endpoint, by its host. */
export const endpointSchema = v.pipe(
  v.object({
    network: branded(parseNetworkId),
    name: v.optional(branded(parseName)),
    /** Instead of a name: one with underscores, for which older agents would take no record. */
    label: v.optional(branded(parseLabel)),
    aliases: v.optional(v.pipe(v.array(branded(parseLabel)), v.maxLength(limits.aliases)), []),
    mac: branded<Mac>(parseMac),
    ips: v.pipe(v.array(branded<Ip>(parseIp)), v.minLength(1), v.maxLength(2)),
  }),
  v.transform(
    ({ label, ...record }): EndpointRecord => ({ ...record, name: record.name ?? label }),
  ),
);
/** An endpoint, as its host made it. */
export type EndpointRecord = {
  readonly network: NetworkId;
  readonly name: Name | Label | undefined;
  /** What it is called too. */
  readonly aliases: readonly Label[];
  readonly mac: Mac;
  readonly ips: readonly Ip[];
};

/** The bytes of an endpoint's record. */
export function endpointValue({ network, name, aliases, mac, ips }: EndpointRecord): Uint8Array {
  const called = parseName(name ?? "") === undefined ? { label: name } : { name };
  return encode({
    ...{ network, mac, ips },
    ...(name !== undefined && called),
    ...(aliases.length > 0 && { aliases }),
  });
}

/** The record of a block of addresses that changed hands, by its former owner. */
export const grantSchema = v.object({
  network: branded(parseNetworkId),
  block: branded<Cidr>(parseCidr),
  generation: countSchema,
  to: branded(parseHostId),
  request: shortText(64),
});
/** A block of addresses handed over. */
export type GrantRecord = v.InferOutput<typeof grantSchema>;

/** The record of an appointment, by whoever appointed. */
export const appointmentSchema = v.object({ chain: chainSchema });
/** The record of a block that was handed on for a retired host, by who settles it. */
export const bequestSchema = v.object({ ...grantSchema.entries, of: branded(parseHostId) });
/** A block of a retired host, handed on. */
export type BequestRecord = v.InferOutput<typeof bequestSchema>;

/** The record of a retirement, and of its end: a version of the host's records. */
export const removalSchema = v.object({ epoch: countSchema, seq: countSchema });
/** The record of an acknowledgement; `witnesses` names the set of hosts whose word is needed. */
export const seenSchema = v.object({ ...removalSchema.entries, witnesses: shortText(64) });

/** Where a host says who it is. */
export const hostKey = keyOf("host", "self");
/** Where a network is recorded. */
export const networkKey = (id: NetworkId): RecordKey => keyOf("network", id);
/** Where its removal is, by whoever removed it. */
export const removalKey = (id: NetworkId): RecordKey => keyOf("removal", id);
/** Where an endpoint is recorded. */
export const endpointKey = (id: EndpointId): RecordKey => keyOf("endpoint", id);
/** Where a grant is recorded: each holding can be given once. */
export const grantKey = (grant: Omit<GrantRecord, "to" | "request">): RecordKey =>
  keyOf("grant", `${grant.network}/${grant.block}/${grant.generation}`);
/** Where a host is made an admin. */
export const appointmentKey = (host: HostId): RecordKey => keyOf("appointment", host);

/** Where a block of a retired host that is handed on is recorded. */
export const bequestKey = (bequest: Omit<GrantRecord, "to" | "request">): RecordKey =>
  keyOf("bequest", `${bequest.network}/${bequest.block}/${bequest.generation}`);
/** Where it is recorded that a host was forgotten. */
export const retirementKey = (host: HostId): RecordKey => keyOf("retirement", host);
/** Where it is acknowledged. */
export const seenKey = (host: HostId, by: HostId): RecordKey => keyOf("seen", `${host}/${by}`);
/** Where it is said that all is settled. */
export const releaseKey = (host: HostId): RecordKey => keyOf("release", host);

/** A record whose value fits its kind, or undefined where it does not or the kind is unknown. */
export type Meaning =
  | { readonly kind: "host"; readonly host: HostId; readonly record: HostRecord }
  | { readonly kind: "network"; readonly id: NetworkId; readonly record: NetworkRecord }
  | { readonly kind: "removal"; readonly id: NetworkId }
  | { readonly kind: "endpoint"; readonly id: EndpointId; readonly record: EndpointRecord }
  | { readonly kind: "grant"; readonly record: GrantRecord }
  | { readonly kind: "appointment"; readonly host: HostId; readonly chain: Chain }
  | { readonly kind: "bequest"; readonly record: BequestRecord }
  | { readonly kind: "out"; readonly removal: Removal };

/** What an origin's record says. */
export function meaningOf(origin: HostId, key: RecordKey, value: Uint8Array): Meaning | undefined {
  const plain = decode(value, limits.valueBytes);
  const [kind, rest] = [key.slice(0, key.indexOf("/")), key.slice(key.indexOf("/") + 1)];
  switch (kind) {
    case "host":
      return withRecord(hostSchema, plain, (record) => ({ kind, host: origin, record }));
    case "network":
      return withId(parseNetworkId(rest), (id) =>
        withRecord(networkSchema, plain, (record) => ({ kind, id, record })),
      );
    case "removal":
      return withId(parseNetworkId(rest), (id) => ({ kind, id }));
    case "endpoint":
      return withId(parseEndpointId(rest), (id) =>
        withRecord(endpointSchema, plain, (record) => ({ kind, id, record })),
      );
    case "grant":
      return withRecord(grantSchema, plain, (record) =>
        grantKey(record) === key ? { kind, record } : undefined,
      );
    case "appointment":
      return withId(parseHostId(rest), (host) =>
        withRecord(appointmentSchema, plain, ({ chain }) => ({ kind, host, chain })),
      );
    case "bequest":
      return withRecord(bequestSchema, plain, (record) =>
        bequestKey(record) === key ? { kind, record } : undefined,
      );
    case "retirement":
    case "release":
      return withId(parseHostId(rest), (host) =>
        withRecord(removalSchema, plain, (version) => out({ kind, host, version })),
      );
    case "seen": {
      const [host, by, more] = rest.split("/").map(parseHostId);
      if (host === undefined || by === undefined || more !== undefined) return undefined;
      return withRecord(seenSchema, plain, (version) => out({ kind, host, by, version }));
    }
    default:
      return undefined;
  }
}

function out(removal: Removal): Meaning {
  return { kind: "out", removal };
}

function keyOf(kind: string, rest: string): RecordKey {
  const key = parseRecordKey(`${kind}/${rest}`);
  if (key === undefined) throw new Error(`bug: no key ${kind}/${rest}`);
  return key;
}

function withId<Id, Result>(
  id: Id | undefined,
  then: (id: Id) => Result | undefined,
): Result | undefined {
  return id === undefined ? undefined : then(id);
}

function withRecord<Schema extends v.GenericSchema, Result>(
  schema: Schema,
  plain: unknown,
  then: (record: v.InferOutput<Schema>) => Result | undefined,
): Result | undefined {
  const parsed = v.safeParse(schema, plain);
  return parsed.success ? then(parsed.output) : undefined;
}
