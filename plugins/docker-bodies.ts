/**
 * What Docker asks of its network and address drivers, as its requests say it (libnetwork's remote
 * drivers, engine 20.10 to 28). Go writes an empty list or map as null.
 */
import * as v from "valibot";
import { type Cidr, type Ip, type Mac, parseCidr, parseIp, parseMac } from "../base/address.ts";

/** Longer texts than a name, an address or an option are none of these. */
const text = v.nullish(v.pipe(v.string(), v.maxLength(4_096)), "");
const flag = v.nullish(v.boolean(), false);
const options = v.nullish(v.record(v.string(), v.unknown()), {});
const texts = v.nullish(v.record(v.string(), v.pipe(v.string(), v.maxLength(4_096))), {});

/** 64 hex digits of a network or an endpoint of Docker's. */
const dockerId = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{64}$/, "expected 64 hex digits, as Docker's ids have"),
);

/** An address with the length of its prefix, `10.32.0.5/16`; empty: none. */
const addressWithPrefix = optional<Ip>((given) => {
  const [address = "", prefix, more] = given.split("/");
  const isPrefix = prefix === undefined || /^[0-9]{1,3}$/.test(prefix);
  return isPrefix && more === undefined ? parseIp(address) : undefined;
}, "address");
const mac = optional<Mac>(parseMac, "Ethernet address");
const ip = optional<Ip>(parseIp, "address");
const cidr = optional<Cidr>(parseCidr, "subnet, such as 10.32.0.0/16");

const part = v.object({ AddressSpace: text, Pool: cidr, Gateway: text, AuxAddresses: texts });
const parts = v.nullish(v.pipe(v.array(part), v.maxLength(16)), []);

const networkEntries = { NetworkID: dockerId };
const endpointEntries = { NetworkID: dockerId, EndpointID: dockerId };

/** By method, the shape of its body. */
export const bodies = {
  CreateNetwork: v.object({
    ...networkEntries,
    Options: options,
    IPv4Data: parts,
    IPv6Data: parts,
  }),
  DeleteNetwork: v.object(networkEntries),
  CreateEndpoint: v.object({
    ...endpointEntries,
    Interface: v.nullish(
      v.object({ Address: addressWithPrefix, AddressIPv6: addressWithPrefix, MacAddress: mac }),
      {},
    ),
    Options: options,
  }),
  Endpoint: v.object(endpointEntries),
  Join: v.object({ ...endpointEntries, SandboxKey: text }),
  RequestPool: v.object({
    AddressSpace: text,
    Pool: cidr,
    SubPool: text,
    Options: texts,
    V6: flag,
  }),
  ReleasePool: v.object({ PoolID: text }),
  RequestAddress: v.object({ PoolID: text, Address: ip, Options: texts }),
  ReleaseAddress: v.object({ PoolID: text, Address: ip }),
} as const;

/** A body, read. */
export type Body<Method extends keyof typeof bodies> = v.InferOutput<(typeof bodies)[Method]>;

/** A body, or one sentence on what is wrong with it. */
export type Read<Value> = { readonly value: Value } | { readonly fault: string };

/** The body of a request. A retry of Docker's may come without one. */
export function readBody<Schema extends v.GenericSchema>(
  schema: Schema,
  body: string,
): Read<v.InferOutput<Schema>> {
  if (body === "") return { fault: "the request has no body, as Docker's retries may have none" };
  const parsed = v.safeParse(schema, plainOf(body), { abortEarly: true });
  if (parsed.success) return { value: parsed.output };
  const [issue] = parsed.issues;
  const path = issue.path?.map(({ key }) => String(key)).join(".") ?? "";
  return { fault: `the request is malformed: ${path === "" ? "" : `${path}: `}${issue.message}` };
}

/** The value that JSON stands for, or undefined. */
export function plainOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function optional<Branded extends string>(
  parse: (given: string) => Branded | undefined,
  what: string,
) {
  return v.nullish(
    v.pipe(
      v.string(),
      v.maxLength(256),
      v.rawTransform<string, Branded | undefined>(({ dataset, addIssue, NEVER }) => {
        if (dataset.value === "") return undefined;
        const parsed = parse(dataset.value);
        if (parsed !== undefined) return parsed;
        addIssue({ message: `${JSON.stringify(dataset.value)} is no ${what}` });
        return NEVER;
      }),
    ),
    "",
  );
}
