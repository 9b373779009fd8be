/** Small well-formed things for the agent's tests. */
import type { Command } from "../../agent/command.ts";
import { type Cidr, type Ip, type Mac, parseCidr, parseIp, parseMac } from "../../base/address.ts";
import { encode } from "../../base/codec.ts";
import {
  type EndpointId,
  type HostId,
  type Name,
  type NetworkId,
  parseEndpointId,
  parseName,
  parseNetworkId,
} from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import { certify, clusterOf } from "../../membership/certificate.ts";
import { rootIssuer } from "../../membership/warrant.ts";
import type { Difference } from "../../store/origin-state.ts";
import type { RecordKey } from "../../store/record.ts";
import { simulatedCrypto, simulatedHost, simulatedSigner } from "../simulation/crypto.ts";

function sure<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("bug: malformed sample");
  return value;
}

export const ip = (text: string): Ip => sure(parseIp(text));
export const cidr = (text: string): Cidr => sure(parseCidr(text));
export const mac = (text: string): Mac => sure(parseMac(text));
export const name = (text: string): Name => sure(parseName(text));
const hex16 = (n: number) => n.toString(16).padStart(16, "0");
export const networkId = (n: number): NetworkId => sure(parseNetworkId(hex16(n)));
export const endpointId = (n: number): EndpointId => sure(parseEndpointId(hex16(n)));

/** A wish for an endpoint, without where. */
export const plainWish = {
  ...{ kind: "endpoint-add", network: "web", id: undefined, name: undefined, aliases: [] },
  ...{ owner: undefined, addresses: [], mac: undefined, waitMs: undefined },
} as const satisfies Omit<Extract<Command, { kind: "endpoint-add" }>, "place">;

export const silentLog: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  named: () => silentLog,
};

/** A host's own record. */
export function hostValue(host: HostId, text: string) {
  const root = simulatedSigner(1);
  const issuer = rootIssuer(clusterOf(root.publicKey, simulatedCrypto(host)), root);
  const certificate = certify(host, { serial: 1, notAfter: 1 }, issuer);
  return {
    certificate,
    name: name(text),
    address: "10.0.0.1:7790",
    vtep: ip("10.0.0.1"),
    version: "1",
  };
}

/** What a record's appearance, or with an undefined value its removal, is to the tables. */
export function difference(key: RecordKey, after: unknown, before?: unknown): Difference {
  const bytes = (value: unknown) => (value === undefined ? undefined : encode(value));
  return { key, before: bytes(before), after: bytes(after) };
}

export { simulatedHost };
