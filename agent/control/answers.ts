/**
 * The shapes of what the API answers, for its document. They say of `agent/view.ts` what a schema
 * can say; a test compares the two.
 */
import * as v from "valibot";
import { errorCodes } from "../../base/errors.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const ms = v.pipe(v.number(), v.minValue(0), v.description("milliseconds"));
const id = v.pipe(v.string(), v.description("16 hex digits"));
const name = v.pipe(v.string(), v.description("a DNS label"));
const texts = v.array(v.string());

const hostRef = {
  id: v.pipe(v.string(), v.description("libp2p peer id (Ed25519)")),
  name,
};
const networkRef = v.object({ id, name });

const memberSchema = v.object({
  ...hostRef,
  isSelf: v.boolean(),
  state: v.picklist(["joining", "alive", "suspect", "unreachable", "left", "retired"]),
  address: v.pipe(v.string(), v.description("where its agent listens: 10.0.0.2:7790")),
  vtep: v.pipe(v.string(), v.description("its tunnel address")),
  sinceMs: v.pipe(ms, v.description("milliseconds since it entered the state, as seen here")),
  rttMs: v.optional(v.pipe(ms, v.description("last round trip on our link, if there is one"))),
  version: v.string(),
});

const networkSchema = v.object({
  id,
  name,
  vni: v.pipe(count, v.description("VXLAN network identifier")),
  subnets: texts,
  gateways: texts,
  mtu: v.pipe(count, v.description("of endpoints on this host")),
  createdBy: v.object(hostRef),
  endpoints: count,
  freeHere: v.pipe(count, v.description("addresses this host can hand out at once")),
  addresses: v.pipe(count, v.description("addresses of the whole network")),
  conflict: v.optional(v.pipe(v.string(), v.description("why it is not as its creator asked"))),
});

const endpointEntries = {
  id,
  name: v.optional(name),
  aliases: v.pipe(texts, v.description("what it is called too")),
  network: networkRef,
  mac: v.string(),
  addresses: v.pipe(texts, v.description("with prefix length: 10.32.0.2/16")),
  host: v.object(hostRef),
  isLocal: v.boolean(),
  netns: v.optional(v.pipe(v.string(), v.description("only of local endpoints"))),
  interface: v.optional(v.pipe(v.string(), v.description("only of local endpoints"))),
  link: v.optional(v.pipe(v.string(), v.description("the host's name of one that others move"))),
  owner: v.optional(v.pipe(v.string(), v.description("only of local endpoints"))),
};

const endpointSchema = v.object({
  ...endpointEntries,
  state: v.pipe(
    v.picklist(["up", "unreachable", "pending", "missing"]),
    v.description(
      "unreachable: its host is; pending: this host's kernel has not got it yet; missing: its link is gone",
    ),
  ),
});

const addressSchema = v.object({
  network: networkRef,
  address: v.pipe(v.string(), v.description("with prefix length: 10.32.0.2/16")),
  holder: v.optional(v.pipe(v.string(), v.description("absent: it is not held"))),
});

const subnetSchema = v.object({
  network: networkRef,
  subnet: v.string(),
  shares: v.array(
    v.object({
      host: v.object(hostRef),
      ranges: v.array(
        v.object({
          block: v.string(),
          generation: v.pipe(count, v.description("how many hands it went through")),
          state: v.picklist(["ours", "reachable", "unreachable", "frozen"]),
        }),
      ),
      size: v.number(),
      used: count,
      resting: v.pipe(count, v.description("released less than a minute ago, on this host")),
      free: v.number(),
    }),
  ),
  frozen: v.pipe(v.number(), v.description("free, in ranges that nobody can use now")),
  unreachable: v.pipe(v.number(), v.description("free, of hosts that do not answer")),
  free: v.number(),
});

const forgottenSchema = v.object({
  host: v.object(hostRef),
  endpoints: v.pipe(count, v.description("its endpoints, which the map no longer has")),
  addresses: v.picklist(["frozen", "released"]),
  waitingFor: v.pipe(
    v.array(v.object(hostRef)),
    v.description("hosts that must first acknowledge it"),
  ),
  settledBy: v.optional(v.object(hostRef)),
});

const statusSchema = v.object({
  version: v.string(),
  state: v.picklist(["joining", "member"]),
  joining: v.optional(v.pipe(v.string(), v.description("what was tried last and how it failed"))),
  cluster: v.optional(v.pipe(v.string(), v.description("64 hex digits"))),
  host: v.object({ ...hostRef, boot: id, address: v.string() }),
  underlay: v.object({ device: v.string(), vtep: v.string(), mtu: count }),
  members: v.object({ alive: count, suspect: count, unreachable: count }),
  networks: count,
  endpoints: v.object({ local: count, total: count }),
  store: v.object({
    epoch: count,
    seq: count,
    root: v.pipe(v.string(), v.description("equal on two hosts exactly if they hold one map")),
    origins: count,
    records: count,
  }),
  kernel: v.object({
    isInSync: v.boolean(),
    repairs: v.pipe(count, v.description("objects found changed or missing, and put right")),
    failures: texts,
    conflicts: texts,
  }),
  dns: v.object({
    isOn: v.boolean(),
    serving: v.pipe(texts, v.description("gateways at which endpoints are answered")),
    upstreams: v.pipe(texts, v.description("whom other names are asked of")),
    answered: v.pipe(count, v.description("questions since the start")),
    forwarded: count,
    refused: count,
  }),
  warnings: v.pipe(texts, v.description("sentences an operator should read")),
  uptimeMs: ms,
});

const tokenSchema = v.object({
  id,
  state: v.picklist(["open", "expired", "used up"]),
  uses: v.pipe(count, v.description("how many hosts it lets in")),
  used: count,
  expiresInMs: v.pipe(v.number(), v.description("milliseconds; negative: since it has")),
});

const adminSchema = v.object({
  ...hostRef,
  isSelf: v.boolean(),
  through: v.pipe(
    v.array(v.object(hostRef)),
    v.description("who appointed it, from the root key down; empty: the root key did"),
  ),
  holdsRoot: v.pipe(v.boolean(), v.description("as far as this host knows of itself")),
});

const revocationSchema = v.object({
  scope: v.pipe(
    v.picklist(["host", "admin"]),
    v.description("host: the key is out for ever; admin: it is no admin any more"),
  ),
  host: v.object(hostRef),
  by: v.optional(v.pipe(v.object(hostRef), v.description("absent: the root key"))),
});

const waitSchema = v.object({
  programmed: v.array(v.object(hostRef)),
  missing: v.pipe(
    v.array(v.object(hostRef)),
    v.description("reachable hosts whose kernels had not got it when time was up"),
  ),
  unreachable: v.array(v.object(hostRef)),
  ms,
});

const change = v.picklist(["added", "changed", "removed"]);
const eventSchema = v.variant("kind", [
  v.object({ kind: v.literal("member"), member: memberSchema }),
  v.object({ kind: v.literal("network"), change, network: networkRef }),
  v.object({ kind: v.literal("endpoint"), change, endpoint: v.object(endpointEntries) }),
  v.object({ kind: v.literal("kernel"), repairs: count }),
]);

const wait = v.optional(v.pipe(waitSchema, v.description("only where the request waited")));

/** What each route answers. */
export const answers = {
  status: statusSchema,
  members: v.array(memberSchema),
  networks: v.array(networkSchema),
  network: networkSchema,
  networkCreated: v.object({ network: networkSchema, wait }),
  endpoints: v.array(endpointSchema),
  endpoint: endpointSchema,
  endpointAdded: v.object({ endpoint: endpointSchema, wait }),
  address: addressSchema,
  removed: v.object({ id, wait }),
  ipam: v.array(subnetSchema),
  forgotten: v.object({ forgotten: forgottenSchema, wait }),
  left: v.object({
    obstacle: v.optional(v.pipe(v.string(), v.description("why it has not left yet"))),
  }),
  token: v.object({
    id,
    token: v.string(),
    command: v.pipe(v.string(), v.description("what to run on a host that is to join")),
  }),
  tokens: v.array(tokenSchema),
  admins: v.array(adminSchema),
  revocations: v.array(revocationSchema),
  hostChanged: v.object({
    host: v.object(hostRef),
    isNew: v.pipe(v.boolean(), v.description("false: that was so already")),
  }),
  event: eventSchema,
  document: v.object({ openapi: v.string() }),
  error: v.object({
    error: v.object({ code: v.picklist(errorCodes), message: v.string() }),
  }),
} as const;
