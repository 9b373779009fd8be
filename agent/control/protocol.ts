/**
 * The HTTP API of one agent, as data: what may be asked where, and what a body must be. Server,
 * client, OpenAPI document and CLI share it.
 */
import * as v from "valibot";
import { parseCidr, parseIp, parseMac } from "../../base/address.ts";
import type { ErrorCode } from "../../base/errors.ts";
import { parseName } from "../../base/id.ts";

/** What callers must send as Host: a page in a browser cannot (DNS rebinding). */
export const hostNames = ["starling", "localhost"] as const;

/**
 * The socket for root alone, beside the one for the group: Node cannot tell who is at the other
 * end.
 */
export function rootSocket(path: string): string {
  return `${path}.root`;
}

/** A text that one of our parsers takes, refused in the operator's words. */
const parsed = <Value>(parse: (text: string) => Value | undefined, what: string) =>
  v.pipe(
    v.string(`expected ${what}`),
    v.maxLength(256),
    v.rawTransform<string, Value>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: `${JSON.stringify(dataset.value)} is not ${what}` });
      return NEVER;
    }),
  );

const nameText = "a name of 1 to 63 lower-case letters, digits and hyphens";
const ref = v.pipe(v.string("expected a name or an id"), v.minLength(1), v.maxLength(128));

/** The body of POST /v1/networks. */
export const networkBody = v.strictObject({
  name: parsed(parseName, nameText),
  subnets: v.pipe(
    v.array(parsed(parseCidr, "a subnet with host bits zero, such as 10.32.0.0/16")),
    v.minLength(1),
    v.maxLength(2),
  ),
});

/** The body of POST /v1/endpoints. */
export const endpointBody = v.strictObject({
  network: ref,
  name: v.optional(parsed(parseName, nameText)),
  netns: v.pipe(
    v.string("expected the path of a network namespace"),
    v.maxLength(4096),
    v.regex(/^\/[^\s"']+$/, "expected an absolute path without spaces, such as /run/netns/web"),
  ),
  interface: v.optional(
    v.pipe(
      v.string("expected an interface name"),
      v.regex(
        /^[a-zA-Z][a-zA-Z0-9_.-]{0,14}$/,
        "expected an interface name of at most 15 characters",
      ),
    ),
    "eth0",
  ),
  addresses: v.optional(v.pipe(v.array(parsed(parseIp, "an IP address")), v.maxLength(2)), []),
  mac: v.optional(parsed(parseMac, "a unicast Ethernet address, such as 02:00:00:00:00:01")),
});

export type NetworkBody = v.InferInput<typeof networkBody>;
export type EndpointBody = v.InferInput<typeof endpointBody>;

/** One route, for the OpenAPI document and the test that it tells the truth. */
export type Route = {
  readonly method: "get" | "post" | "delete";
  readonly path: string;
  readonly summary: string;
  readonly query?: { readonly [name: string]: string };
  readonly body?: v.GenericSchema;
  readonly isForRoot?: boolean;
};

const wait = { wait: "milliseconds to wait for every reachable host's kernel" };

export const routes: readonly Route[] = [
  { method: "get", path: "/v1/status", summary: "What the agent says about itself" },
  { method: "get", path: "/v1/members", summary: "All hosts of the cluster, as seen from here" },
  { method: "get", path: "/v1/networks", summary: "All networks" },
  { method: "get", path: "/v1/networks/{ref}", summary: "One network, by id, id prefix or name" },
  {
    method: "post",
    path: "/v1/networks",
    summary: "Creates a network",
    query: wait,
    body: networkBody,
  },
  {
    method: "delete",
    path: "/v1/networks/{ref}",
    summary: "Removes a network",
    query: { ...wait, force: "true: also with endpoints in it" },
  },
  {
    method: "get",
    path: "/v1/endpoints",
    summary: "All endpoints, or those of one network",
    query: { network: "a network, by id, id prefix or name" },
  },
  { method: "get", path: "/v1/endpoints/{ref}", summary: "One endpoint" },
  {
    method: "post",
    path: "/v1/endpoints",
    summary: "Puts an interface into a network namespace of this host",
    query: wait,
    body: endpointBody,
  },
  {
    method: "delete",
    path: "/v1/endpoints/{ref}",
    summary: "Takes an endpoint of this host away",
    query: wait,
  },
  { method: "get", path: "/v1/watch", summary: "Every later change, as server-sent events" },
  { method: "get", path: "/v1/token", summary: "The join token", isForRoot: true },
  { method: "get", path: "/v1/openapi.json", summary: "This document" },
];

/** The longest that `wait` may be, in milliseconds. */
export const longestWaitMs = 600_000;

/** HTTP status of a refusal: what is the caller's to change is 4xx. */
export function statusOf(code: ErrorCode): 400 | 403 | 404 | 409 | 413 | 500 | 503 {
  switch (code) {
    case "UNKNOWN_NETWORK":
    case "UNKNOWN_ENDPOINT":
    case "UNKNOWN_HOST":
    case "UNKNOWN_ROUTE":
      return 404;
    case "NAME_TAKEN":
    case "NETWORK_IN_USE":
    case "SUBNET_OVERLAP":
    case "ADDRESS_TAKEN":
    case "ADDRESSES_EXHAUSTED":
    case "INTERFACE_TAKEN":
      return 409;
    case "NOT_PERMITTED":
      return 403;
    case "TOO_LARGE":
      return 413;
    case "AGENT_UNREACHABLE":
    case "SHUTTING_DOWN":
    case "TIMED_OUT":
      return 503;
    case "INTERNAL":
    case "DATAPLANE_REFUSED":
    case "DATAPLANE_UNSUPPORTED":
    case "STORE_DAMAGED":
      return 500;
    default:
      return 400;
  }
}
