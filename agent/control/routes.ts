/**
 * Every route of the API, as data: the server serves this table and the OpenAPI document prints it,
 * so neither can know of one that the other does not.
 */
import * as v from "valibot";
import type { Command } from "../command.ts";
import { leaveMs } from "../config.ts";
import { answers } from "./answers.ts";
import { readShape, type Shape } from "./faults.ts";
import {
  addressBody,
  addressQuery,
  adminBody,
  endpointBody,
  forceQuery,
  forgetQuery,
  labelsBody,
  leaveQuery,
  networkBody,
  networkQuery,
  noQuery,
  refSchema,
  removeNetworkQuery,
  revocationBody,
  tokenBody,
  waitQuery,
} from "./protocol.ts";
import { addressIn, holdIn, placeIn } from "./wishes.ts";

/** A request as it came: nothing in it is to be trusted. */
export type Asked = { readonly ref: string | undefined; readonly query: object; body: unknown };

/** What is done with a request: the desk answers, every later change is told, or we do it here. */
export type Purpose =
  | { readonly kind: "command"; readonly command: (asked: Asked) => Command }
  | { readonly kind: "watch" }
  | { readonly kind: "document" };

/** One route: what it takes, does and answers. */
export type Route = {
  readonly method: "get" | "post" | "delete";
  /** As OpenAPI writes it: `/v1/networks/{ref}`. */
  readonly path: string;
  readonly summary: string;
  readonly query: Shape;
  readonly body: Shape | undefined;
  readonly answer: v.GenericSchema;
  readonly purpose: Purpose;
  /** Served on root's own socket only. */
  readonly isForRoot: boolean;
};

type Words = Pick<Route, "method" | "path" | "summary" | "answer"> & { isForRoot?: boolean };

/** A question without a body. */
function asks<Query extends Shape>(
  query: Query,
  words: Words & {
    readonly command: (query: v.InferOutput<Query>, ref: string) => Command;
  },
): Route {
  const command = ({ ref, query: given }: Asked) => {
    const parsed = readShape(query, given, "parameter");
    return words.command(parsed, readRef(ref));
  };
  const purpose = { kind: "command", command } as const;
  return { isForRoot: false, ...words, query, body: undefined, purpose };
}

/** A wish with a body. */
function creates<Body extends Shape>(
  body: Body,
  words: Omit<Words, "method"> & {
    readonly command: (
      body: v.InferOutput<Body>,
      waitMs: number | undefined,
      ref: string,
    ) => Command;
  },
): Route {
  const command = ({ ref, query, body: given }: Asked) => {
    const { wait } = readShape(waitQuery, query, "parameter");
    return words.command(readShape(body, given, "field"), wait, readRef(ref));
  };
  const purpose = { kind: "command", command } as const;
  return { isForRoot: false, ...words, method: "post", query: waitQuery, body, purpose };
}

/** A wish with a body, that no kernel has to be waited for; root's, where not said otherwise. */
function orders<Body extends Shape>(
  body: Body,
  words: Omit<Words, "method"> & {
    readonly command: (body: v.InferOutput<Body>) => Command;
  },
): Route {
  const command = ({ query, body: given }: Asked) => {
    readShape(noQuery, query, "parameter");
    return words.command(readShape(body, given, "field"));
  };
  const purpose = { kind: "command", command } as const;
  return { isForRoot: true, ...words, method: "post", query: noQuery, body, purpose };
}

function readRef(ref: string | undefined): string {
  // Routes without {ref} in their path do not look at it.
  if (ref === undefined) return "";
  return readShape(refShape, { ref }, "parameter").ref;
}

const refShape = v.strictObject({ ref: refSchema });

/** Addresses for endpoints that are about to be made. */
function addressRoutes(): Route[] {
  return [
    orders(addressBody, {
      path: "/v1/addresses",
      summary: "Holds an address for a minute, for an endpoint that asks for it by then",
      answer: answers.address,
      isForRoot: false,
      command: holdIn,
    }),
    asks(addressQuery, {
      method: "delete",
      path: "/v1/addresses/{ref}",
      summary: "Holds an address no more; one that an endpoint has stays its",
      answer: answers.address,
      command: ({ network }, ref) => ({
        ...{ kind: "address-release", network, address: addressIn(ref) },
      }),
    }),
  ];
}

/** What changes who may be in the cluster is for root. */
function tokenRoutes(): Route[] {
  return [
    orders(tokenBody, {
      path: "/v1/tokens",
      summary: "Makes a join token",
      answer: answers.token,
      command: ({ uses, expires }) => ({ kind: "token-create", uses, expiresMs: expires }),
    }),
    asks(noQuery, {
      method: "get",
      path: "/v1/tokens",
      summary: "The tokens of this host, without their secrets",
      answer: answers.tokens,
      isForRoot: true,
      command: () => ({ kind: "tokens" }),
    }),
    asks(noQuery, {
      method: "delete",
      path: "/v1/tokens/{ref}",
      summary: "Closes a token for good",
      answer: answers.removed,
      isForRoot: true,
      command: (_, token) => ({ kind: "token-remove", token }),
    }),
  ];
}

/** Admins, and keys that are out. */
function trustRoutes(): Route[] {
  return [
    asks(noQuery, {
      method: "get",
      path: "/v1/admins",
      summary: "Hosts that may let others in",
      answer: answers.admins,
      command: () => ({ kind: "admins" }),
    }),
    orders(adminBody, {
      path: "/v1/admins",
      summary: "Makes a member an admin",
      answer: answers.hostChanged,
      command: ({ host }) => ({ kind: "admin-add", host }),
    }),
    asks(forceQuery, {
      method: "delete",
      path: "/v1/admins/{ref}",
      summary: "Makes an admin a mere member again",
      answer: answers.hostChanged,
      isForRoot: true,
      command: ({ force }, host) => ({ kind: "admin-remove", host, isForced: force }),
    }),
    asks(noQuery, {
      method: "get",
      path: "/v1/revocations",
      summary: "Keys that are out",
      answer: answers.revocations,
      command: () => ({ kind: "revocations" }),
    }),
    orders(revocationBody, {
      path: "/v1/revocations",
      summary: "Bans a host's key everywhere and for ever",
      answer: answers.hostChanged,
      command: ({ host, force }) => ({ kind: "revoke", host, isForced: force }),
    }),
  ];
}

/** All of them. */
export const routes: readonly Route[] = [
  asks(noQuery, {
    method: "get",
    path: "/v1/status",
    summary: "What the agent says about itself",
    answer: answers.status,
    command: () => ({ kind: "status" }),
  }),
  asks(noQuery, {
    method: "get",
    path: "/v1/members",
    summary: "All hosts of the cluster, as seen from here",
    answer: answers.members,
    command: () => ({ kind: "members" }),
  }),
  asks(forgetQuery, {
    method: "delete",
    path: "/v1/members/{ref}",
    summary: "Forgets a host that is gone for good, and frees its addresses",
    answer: answers.forgotten,
    command: ({ wait, force }, host) => ({ kind: "forget", host, isForced: force, waitMs: wait }),
  }),
  asks(leaveQuery, {
    method: "post",
    path: "/v1/leave",
    summary: "Takes this host out of the cluster; its agent then ends",
    answer: answers.left,
    command: ({ wait, force }) => ({ kind: "leave", isForced: force, waitMs: wait ?? leaveMs }),
  }),
  asks(networkQuery, {
    method: "get",
    path: "/v1/ipam",
    summary: "Who has which addresses, of all networks or of one",
    answer: answers.ipam,
    command: ({ network }) => ({ kind: "ipam", network }),
  }),
  asks(noQuery, {
    method: "get",
    path: "/v1/networks",
    summary: "All networks",
    answer: answers.networks,
    command: () => ({ kind: "networks" }),
  }),
  asks(noQuery, {
    method: "get",
    path: "/v1/networks/{ref}",
    summary: "One network",
    answer: answers.network,
    command: (_, network) => ({ kind: "network", network }),
  }),
  creates(networkBody, {
    path: "/v1/networks",
    summary: "Creates a network",
    answer: answers.networkCreated,
    command: (body, waitMs) => ({ kind: "network-create", ...body, waitMs }),
  }),
  asks(removeNetworkQuery, {
    method: "delete",
    path: "/v1/networks/{ref}",
    summary: "Removes a network",
    answer: answers.removed,
    command: ({ wait, force }, network) => ({
      kind: "network-remove",
      network,
      isForced: force,
      waitMs: wait,
    }),
  }),
  asks(networkQuery, {
    method: "get",
    path: "/v1/endpoints",
    summary: "All endpoints, or those of one network",
    answer: answers.endpoints,
    command: ({ network }) => ({ kind: "endpoints", network }),
  }),
  asks(noQuery, {
    method: "get",
    path: "/v1/endpoints/{ref}",
    summary: "One endpoint",
    answer: answers.endpoint,
    command: (_, endpoint) => ({ kind: "endpoint", endpoint }),
  }),
  creates(endpointBody, {
    path: "/v1/endpoints",
    summary: "Puts an interface into a network namespace of this host",
    answer: answers.endpointAdded,
    command: (body, waitMs) => {
      const { network, id, name, aliases, owner, addresses, mac } = body;
      const wishes = { network, id, name, aliases, owner, addresses, mac, waitMs };
      return { kind: "endpoint-add", ...wishes, place: placeIn(body) };
    },
  }),
  creates(labelsBody, {
    path: "/v1/endpoints/{ref}/labels",
    summary: "Gives an endpoint of this host other names than it has",
    answer: answers.endpointAdded,
    command: ({ name, aliases }, waitMs, endpoint) => ({
      ...{ kind: "endpoint-rename", endpoint, name, aliases, waitMs },
    }),
  }),
  asks(waitQuery, {
    method: "delete",
    path: "/v1/endpoints/{ref}",
    summary: "Takes an endpoint of this host away",
    answer: answers.removed,
    command: ({ wait }, endpoint) => ({ kind: "endpoint-remove", endpoint, waitMs: wait }),
  }),
  ...addressRoutes(),
  {
    method: "get",
    path: "/v1/watch",
    summary: "Every later change, as server-sent events",
    query: noQuery,
    body: undefined,
    answer: answers.event,
    purpose: { kind: "watch" },
    isForRoot: false,
  },
  asks(noQuery, {
    method: "get",
    path: "/v1/token",
    summary: "A join token for whoever comes today",
    answer: answers.token,
    isForRoot: true,
    command: () => ({ kind: "token" }),
  }),
  ...tokenRoutes(),
  ...trustRoutes(),
  {
    method: "get",
    path: "/v1/openapi.json",
    summary: "This document",
    query: noQuery,
    body: undefined,
    answer: answers.document,
    purpose: { kind: "document" },
    isForRoot: false,
  },
];
