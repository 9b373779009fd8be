/**
 * What callers of the HTTP API may say: bodies, queries, and the status of each refusal. Server and
 * OpenAPI document are made from these schemas; the client has its types from them.
 */
import * as v from "valibot";
import { cidrOf, familyOf, parseCidr, parseIp, parseMac } from "../../base/address.ts";
import type { ErrorCode } from "../../base/errors.ts";
import { parseEndpointId, parseLabel, parseName } from "../../base/id.ts";
import { limits, timing } from "../config.ts";

/** The longest text that a field may hold, but for paths. */
const textLength = 256;

/**
 * A text that one of our parsers takes, refused in the operator's words; `faultOf` knows better
 * ones for some texts.
 */
const parsed = <Value>(
  parse: (text: string) => Value | undefined,
  what: string,
  faultOf: (text: string) => string | undefined = () => undefined,
) =>
  v.pipe(
    v.string(`expected ${what}`),
    // Before the transformation: past it a JSON Schema of the input does not look.
    v.description(what),
    v.maxLength(textLength, `expected ${what}, which is shorter`),
    v.rawTransform<string, Value>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== undefined) return value;
      const fault = faultOf(dataset.value) ?? `is not ${what}`;
      addIssue({ message: `${JSON.stringify(dataset.value)} ${fault}` });
      return NEVER;
    }),
  );

const subnetText = "a subnet whose host bits are zero, such as 10.32.0.0/16";

/** Many write a host's address for its subnet: they are told what they meant. */
function hostBitsFault(text: string): string | undefined {
  const [, address = "", prefix = ""] = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? [];
  const ip = parseIp(address);
  if (ip === undefined || Number(prefix) > (familyOf(ip) === 4 ? 32 : 128)) return undefined;
  return `has host bits set; did you mean the subnet ${cidrOf(ip, Number(prefix))}?`;
}

const usesText = `expected a number of hosts from 1 to ${limits.tokenUses}`;
const expiresText = "expected milliseconds, from a second to a year";

const name = parsed(parseName, "a name of 1 to 63 lower-case letters, digits and hyphens");

const label = parsed(
  parseLabel,
  "a name of 1 to 63 lower-case letters, digits, hyphens and underscores",
);

const aliases = v.optional(
  v.pipe(
    v.array(label, "expected a list of names"),
    v.maxLength(limits.aliases, `expected ${limits.aliases} names at most`),
    v.description("what it is called too"),
  ),
  [],
);

const interfaceName = (what: string) =>
  v.pipe(
    v.string("expected an interface name"),
    v.regex(/^[a-zA-Z][a-zA-Z0-9_.-]{0,14}$/, "expected at most 15 letters, digits, _, . and -"),
    v.description(what),
  );

const shortName = (what: string) =>
  v.pipe(
    v.string(`expected ${what}`),
    v.minLength(1, `is empty; expected ${what}`),
    v.maxLength(textLength, `expected ${what}, of ${textLength} characters at most`),
    v.description(what),
  );

/** How callers point at a network or an endpoint. */
export const refSchema = v.pipe(
  v.string("expected a name, an id or the start of one"),
  v.minLength(1, "is empty; expected a name, an id or the start of one"),
  v.maxLength(textLength, `expected a name or an id, which has ${textLength} characters at most`),
  v.description("a name, an id, or the start of an id; of endpoints also name.network"),
);

/** The body of POST /v1/networks. */
export const networkBody = v.strictObject({
  name,
  subnets: v.pipe(
    v.array(parsed(parseCidr, subnetText, hostBitsFault), "expected a list of subnets"),
    v.minLength(1, "is empty; expected a subnet, such as 10.32.0.0/16"),
    v.maxLength(2, "expected one IPv4 subnet, one IPv6 subnet, or both"),
  ),
});

/** The body of POST /v1/endpoints. */
export const endpointBody = v.strictObject({
  network: refSchema,
  id: v.optional(
    parsed(parseEndpointId, "16 hex digits, for an endpoint that may be asked for again"),
  ),
  name: v.optional(label),
  aliases,
  netns: v.optional(
    v.pipe(
      v.string("expected the path of a network namespace"),
      v.maxLength(4_096, "expected a path of at most 4096 characters"),
      v.regex(/^\/[^\s"']+$/, "expected an absolute path without spaces, such as /run/netns/web"),
      v.description("path of the namespace, as the agent sees it"),
    ),
  ),
  interface: v.optional(interfaceName("what the interface is called inside; eth0 if not given")),
  link: v.optional(
    interfaceName("instead of netns: the host's name of an interface that the caller moves"),
  ),
  owner: v.optional(shortName("whose it is, for whoever has to find its own again")),
  addresses: v.optional(
    v.pipe(
      v.array(parsed(parseIp, "an IP address"), "expected a list of IP addresses"),
      v.maxLength(2, "expected one IPv4 address, one IPv6 address, or both"),
      v.description("these addresses instead of any"),
    ),
    [],
  ),
  mac: v.optional(parsed(parseMac, "a unicast Ethernet address, such as 02:00:00:00:00:01")),
});

/** The body of POST /v1/endpoints/{ref}/labels. */
export const labelsBody = v.strictObject({ name: v.optional(label), aliases });

const familyText = "expected 4 or 6";

/** The body of POST /v1/addresses. */
export const addressBody = v.strictObject({
  network: refSchema,
  address: v.optional(
    v.pipe(parsed(parseIp, "an IP address"), v.description("this address instead of any")),
  ),
  family: v.optional(
    v.pipe(v.picklist([4, 6], familyText), v.description("without an address; 4 if not given")),
  ),
  holder: shortName("for whom it is held"),
});

/** Of DELETE /v1/addresses/{ref}. */
export const addressQuery = v.strictObject({ network: refSchema });

/** The body of POST /v1/tokens. */
export const tokenBody = v.strictObject({
  uses: v.optional(
    v.pipe(
      v.number(usesText),
      v.integer(usesText),
      v.minValue(1, usesText),
      v.maxValue(limits.tokenUses, usesText),
      v.description("how many hosts it lets in"),
    ),
    1,
  ),
  expires: v.optional(
    v.pipe(
      v.number(expiresText),
      v.integer(expiresText),
      v.minValue(1_000, expiresText),
      v.maxValue(timing.admission.certificateMs, expiresText),
      v.description("milliseconds until it ends"),
    ),
    3_600_000,
  ),
});

/** The body of POST /v1/admins. */
export const adminBody = v.strictObject({ host: refSchema });

/** The body of POST /v1/revocations. */
export const revocationBody = v.strictObject({
  host: refSchema,
  force: v.optional(
    v.pipe(v.boolean("expected true or false"), v.description("be it this host")),
    false,
  ),
});

/** The body of POST /v1/tokens, as a caller writes it. */
export type TokenBody = v.InferInput<typeof tokenBody>;
/** The body of POST /v1/revocations, as a caller writes it. */
export type RevocationBody = v.InferInput<typeof revocationBody>;
/** The body of POST /v1/networks, as a caller writes it. */
export type NetworkBody = v.InferInput<typeof networkBody>;
/** The body of POST /v1/endpoints, as a caller writes it. */
export type EndpointBody = v.InferInput<typeof endpointBody>;

/** The body of POST /v1/endpoints/{ref}/labels, as a caller writes it. */
export type LabelsBody = v.InferInput<typeof labelsBody>;
/** The body of POST /v1/addresses, as a caller writes it. */
export type AddressBody = v.InferInput<typeof addressBody>;

const waitText = `expected milliseconds, at most ${limits.waitMs}`;

/** For routes that have none: whatever is given is a mistake. */
export const noQuery = v.strictObject({});

/** Of every change. */
export const waitQuery = v.strictObject({
  wait: v.optional(
    v.pipe(
      v.string(waitText),
      v.regex(/^[0-9]{1,9}$/, waitText),
      v.description("answer when every reachable host's kernel has it, or after so many ms"),
      v.transform(Number),
      v.maxValue(limits.waitMs, waitText),
    ),
  ),
});

/** Of DELETE /v1/admins/{ref}. */
export const forceQuery = v.strictObject({
  force: v.optional(
    v.pipe(
      v.picklist(["true", "false"], "expected true or false"),
      v.description("be it the only admin"),
      v.transform((word) => word === "true"),
    ),
    "false",
  ),
});

/** Of DELETE /v1/networks/{ref}. */
export const removeNetworkQuery = withForce("also with endpoints in it");

/** Of POST /v1/leave. */
export const leaveQuery = withForce("also the only admin, after which nobody can join");

/** Of DELETE /v1/members/{ref}. */
export const forgetQuery = withForce("also while it answers, or is only suspected");

function withForce(description: string) {
  return v.strictObject({
    ...waitQuery.entries,
    force: v.optional(
      v.pipe(
        v.picklist(["true", "false"], "expected true or false"),
        v.description(description),
        v.transform((word) => word === "true"),
      ),
      "false",
    ),
  });
}

/** Of GET /v1/endpoints and GET /v1/ipam. */
export const networkQuery = v.strictObject({ network: v.optional(refSchema) });

/**
 * HTTP status of a refusal: 4xx where the caller can do something about it. The code says more, and
 * is what programs should look at.
 */
export function statusOf(code: ErrorCode): 400 | 403 | 404 | 409 | 413 | 500 | 503 {
  return statuses[code] ?? 400;
}

const statuses: { readonly [Code in ErrorCode]?: ReturnType<typeof statusOf> } = {
  UNKNOWN_NETWORK: 404,
  UNKNOWN_ENDPOINT: 404,
  UNKNOWN_HOST: 404,
  UNKNOWN_ROUTE: 404,
  UNKNOWN_TOKEN: 404,
  LAST_ADMIN: 409,
  REVOKED: 403,
  HOST_ALIVE: 409,
  NAME_TAKEN: 409,
  ENDPOINT_EXISTS: 409,
  NETWORK_IN_USE: 409,
  SUBNET_OVERLAP: 409,
  ADDRESS_TAKEN: 409,
  ADDRESSES_EXHAUSTED: 409,
  INTERFACE_TAKEN: 409,
  NOT_PERMITTED: 403,
  TOKEN_REFUSED: 403,
  TOO_LARGE: 413,
  AGENT_UNREACHABLE: 503,
  NOT_A_MEMBER: 503,
  NOT_COMPARED: 503,
  ISSUER_UNREACHABLE: 503,
  SHUTTING_DOWN: 503,
  TIMED_OUT: 503,
  DATAPLANE_REFUSED: 500,
  DATAPLANE_UNSUPPORTED: 500,
  DATA_DIR_UNUSABLE: 500,
  STORE_DAMAGED: 500,
  OWN_RECORDS_AWAITED: 503,
  IDENTITY_CLONED: 503,
  LIMIT_REACHED: 409,
  INTERNAL: 500,
};
