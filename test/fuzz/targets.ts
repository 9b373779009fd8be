/** Every parser of what comes from outside: the network, the disk, the API, files, the kernel. */
import assert from "node:assert/strict";
import { limits } from "../../agent/config.ts";
import { routes } from "../../agent/control/routes.ts";
import { decodeEnvelope, encodeEnvelope } from "../../agent/envelope.ts";
import { proofIn } from "../../agent/proofs.ts";
import { meaningOf } from "../../agent/schema.ts";
import { loadConfig } from "../../agent/settings/load.ts";
import { isSeed } from "../../agent/settings/seed.ts";
import { parseCidr, parseIp, parseMac } from "../../base/address.ts";
import { decode, encode } from "../../base/codec.ts";
import { MeshError } from "../../base/errors.ts";
import {
  parseBootId,
  parseClusterId,
  parseHostId,
  parseName,
  parseNetworkId,
} from "../../base/id.ts";
import { publicKeyOf } from "../../base/node/crypto.ts";
import { certificateFault } from "../../membership/certificate.ts";
import { decodeHello, helloFault, protocolVersion } from "../../membership/hello.ts";
import {
  encodeJoinAnswer,
  joinRequest,
  parseJoinRequest,
  readJoinAnswer,
  refuseJoin,
} from "../../membership/join.ts";
import { parsePlace } from "../../membership/libp2p/address.ts";
import { decodeFrame } from "../../membership/libp2p/frame.ts";
import { Revocations, revoke, unpackEntries } from "../../membership/revocations.ts";
import { formatToken, parseToken } from "../../membership/token.ts";
import { actualOf } from "../../overlay/linux/dump.ts";
import { Guardian } from "../../overlay/linux/guard.ts";
import { readCall } from "../../plugins/cni-call.ts";
import { decodeDelta, encodeDelta } from "../../store/delta.ts";
import { storedRow, valueIn } from "../../store/leveldb/row.ts";
import { decodeLine, encodeLine } from "../../store/leveldb/seal.ts";
import { parseRecordKey } from "../../store/record.ts";
import { RowReader } from "../../store/rows.ts";
import { Assembler, compareRequest, fetchRequest, serve } from "../../store/sync.ts";
import { silentLog } from "../agent/samples.ts";
import { makeHost, syncLimits } from "../store/world.ts";
import type { Target } from "./campaign.ts";
import { dockerTargets } from "./docker-targets.ts";
import type { Mutation } from "./mutation.ts";
import { nameTargets } from "./names.ts";
import {
  certificate,
  cluster,
  crypto,
  deltas,
  envelopes,
  fdbRows,
  firstDelta,
  host,
  issuer,
  knownHead,
  knownReplica,
  networkName,
  other,
  records,
  secondDelta,
  shownRows,
  tables,
} from "./samples.ts";

const secret = new Uint8Array(16).fill(3);
const token = {
  cluster,
  issuer: host,
  secret,
  expiresAt: 1_900_000_000_000,
  addresses: ["10.0.0.1:7790"],
};
const lock = { cluster, rootKey: certificate.rootKey, issuer: host, secret };
const claim = { host: other, nonce: new Uint8Array(16) };
const hello = {
  protocol: protocolVersion,
  certificate,
  boot: "b".repeat(16),
  name: "a",
  address: "10.0.0.1:7790",
  revocations: new Uint8Array(16),
};
const verdict = {
  scope: "host",
  host: other,
  serials: [1],
  keep: [],
  keepWarrants: [],
  epoch: 1,
  seq: 2,
};

/** All of them. */
export const targets: readonly Target[] = [
  ...nameTargets,
  ofNetwork("canonical CBOR", [...envelopes, firstDelta], (bytes) => {
    const value = decode(bytes, 64 * 1024);
    if (value === undefined) return false;
    const again = encode(value);
    assert.deepEqual(encode(decode(again, 1e9)), again, "a second round changes bytes");
    return true;
  }),
  ofNetwork("message", envelopes, (bytes) => {
    const envelope = decodeEnvelope(bytes);
    if (envelope === undefined) return false;
    const again = encodeEnvelope(envelope);
    assert.deepEqual(encodeEnvelope(decodeEnvelope(again) ?? assert.fail("not its own")), again);
    return true;
  }),
  ofNetwork("delta", [firstDelta, secondDelta], (bytes) => {
    const delta = decodeDelta(bytes, limits);
    if (delta === undefined) return false;
    const again = encodeDelta(delta);
    assert.deepEqual(encodeDelta(decodeDelta(again, limits) ?? assert.fail("not its own")), again);
    return true;
  }),
  ofNetwork("delta taken by a replica", [firstDelta, secondDelta], (bytes) => {
    const delta = decodeDelta(bytes, limits);
    if (delta === undefined) return false;
    const { replica } = makeHost(9);
    for (const each of [...deltas, delta]) replica.receive(each);
    const { size } = replica.origin(knownHead.origin) ?? assert.fail("the right ones are taken");
    assert.ok(size <= limits.recordsPerOrigin);
    return true;
  }),
  ofNetwork("sync request", requests(), (bytes) => {
    let frames = 0;
    for (const frame of serve(knownReplica, bytes, syncLimits)) frames += frame.length;
    return frames > 0;
  }),
  ofNetwork("sync frames", frames(), (bytes) => {
    const assembler = new Assembler(syncLimits);
    return [bytes, bytes].some((frame) => assembler.take(frame).kind !== "malformed");
  }),
  ofNetwork("hello", [hello], (bytes) => {
    const revocations = new Revocations({ cluster, crypto, limits });
    const judge = { cluster, crypto, revocations, wallMs: 1_800_000_000_000 };
    helloFault(other, bytes, judge);
    return decodeHello(bytes) !== undefined;
  }),
  ofNetwork("certificate", [certificate], (bytes) => {
    const read = decodeHello(encode({ ...hello, certificate: decode(bytes, 4_096) ?? null }));
    const expected = { cluster, host: other };
    return read !== undefined && certificateFault(read.certificate, expected, crypto) === undefined;
  }),
  ofNetwork(
    "frame of a link",
    [{ kind: "hello", session: networkName, link: networkName, ended: [], hello: encode(hello) }],
    (bytes) => decodeFrame(Buffer.concat([Uint8Array.of(1), bytes])) !== undefined,
  ),
  ofNetwork(
    "request to join",
    [decode(joinRequest(lock, claim, crypto), 4_096)],
    (bytes) => parseJoinRequest(bytes) !== undefined,
  ),
  ofNetwork(
    "answer to a request to join",
    [
      { certificate, seal: new Uint8Array(32) },
      decode(encodeJoinAnswer(refuseJoin("TOKEN_REFUSED", "no")), 4_096),
    ],
    (bytes) => readJoinAnswer(bytes, { lock, claim }, crypto).kind === "refused",
  ),
  ofNetwork("revocation", [decode(revoke(verdictOf(), issuer), 1e6)], (bytes) => {
    const set = new Revocations({ cluster, crypto, limits });
    set.add(bytes);
    return set.size > 0;
  }),
  ofNetwork("revocations on disk", [[encode(verdict)]], (bytes) => {
    return unpackEntries(bytes, limits.revocationBytes) !== undefined;
  }),
  ofRecord(),
  ofCni(),
  ofNetwork("row of the journal", [[1, encode("value")], knownHead], (bytes) => {
    const reader = new RowReader();
    for (const rest of ["h", "r x/1"]) reader.take({ key: `${host} ${rest}`, value: bytes });
    return reader.finish().origins.length > 0;
  }),
  ofNetwork("proof on disk", [[knownHead, knownHead]], (bytes) => {
    return proofIn(`proof ${host}`, bytes) !== undefined;
  }),
  {
    name: "stored row",
    run: (mutation) => {
      const row = storedRow("origins", "a", encode(["some", "value"]));
      return valueIn("origins", "a", mutation.bytes([row])) !== undefined;
    },
  },
  {
    name: "seal",
    run: (mutation) => {
      const line = encodeLine({ format: 1, sequence: 7, tables: {} });
      return decodeLine(mutation.bytes([line])) !== undefined;
    },
  },
  ofText("token", [formatToken(token)], (text) => parseToken(text) !== undefined),
  ofText(
    "addresses",
    ["10.0.0.1", "fd00::1", "::ffff:10.0.0.1", "10.32.0.0/16", "fd00::/64", "02:00:00:00:00:01"],
    (text) => [parseIp(text), parseCidr(text), parseMac(text)].some((each) => each !== undefined),
  ),
  ofText(
    "ids, names and keys",
    [host, cluster, networkName, "web-1", "endpoint/0123456789abcdef"],
    (text) => {
      publicKeyOf(text as typeof host);
      const parsers = [parseHostId, parseClusterId, parseNetworkId, parseBootId, parseName];
      return [...parsers, parseRecordKey].some((parse) => parse(text) !== undefined);
    },
  ),
  ofText(
    "seeds",
    ["10.0.0.1:7790", "[fd00::1]:7790", "host-b", "/ip4/10.0.0.1/tcp/7790", "/dns4/b/tcp/1"],
    (text) => {
      isSeed(text);
      return parsePlace(text, 7_790) !== undefined;
    },
  ),
  ofText("configuration file", configurations(), (text) =>
    refuses(() => loadConfig({ flags: {}, env: {}, file: { path: "/c", text }, folder: "/" })),
  ),
  {
    name: "environment and flags",
    run: (mutation) => {
      const words = ["10.0.0.1", "7790", "true", "eth0", "/run/s", "slt1.abc"];
      const env = { STARLING_JOIN: mutation.text(words), STARLING_PORT: mutation.text(words) };
      const flags = { bind: mutation.text(words), name: mutation.text(words) };
      return refuses(() => loadConfig({ flags, env, file: undefined, folder: "/" }));
    },
  },
  ...routes.flatMap(ofRoute),
  ...dockerTargets,
  ofKernel("iproute2", (mutation) => {
    const lines = [mutation.json([shownRows]), mutation.json([shownRows])].join("\n");
    const part = (text: string) => ({ text });
    const fdb = part(mutation.json([fdbRows]));
    const none = part("");
    actualOf({ shown: part(lines), routes6: none, fdb, inet: none, bridge: none });
  }),
  ofKernel("nft", (mutation) => {
    const part = () => ({ text: mutation.json([tables]) });
    new Guardian(silentLog).read({ inet: part(), bridge: part() });
  }),
];

function ofNetwork(
  name: string,
  samples: readonly unknown[],
  take: (bytes: Uint8Array) => boolean,
): Target {
  return { name, run: (mutation) => take(mutation.encoded(samples)) };
}

function ofText(name: string, samples: readonly string[], take: (text: string) => boolean): Target {
  return { name, run: (mutation) => take(mutation.text(samples)) };
}

/** What a container runtime says: in its environment, and on our standard input. */
function ofCni(): Target {
  const attachment = { containerID: "c1", ifname: "eth0" };
  const configs = [
    { cniVersion: "1.1.0", name: "web", subnet: "10.32.0.0/16", ipMasq: "false" },
    { cniVersion: "1.0.0", name: "web", runtimeConfig: { ips: ["10.32.0.2"], mac: "02::1" } },
    { cniVersion: "1.1.0", name: "web", "cni.dev/valid-attachments": [attachment] },
    { cniVersion: "1.1.0", name: "web", prevResult: { interfaces: [{ name: "eth0" }] } },
  ];
  return {
    name: "a CNI call",
    run: (mutation) => {
      const env = {
        CNI_COMMAND: mutation.one(["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]),
        CNI_CONTAINERID: mutation.text(["c1"]),
        CNI_NETNS: mutation.text(["/run/netns/c1"]),
        CNI_IFNAME: mutation.text(["eth0"]),
        CNI_ARGS: mutation.text(["IgnoreUnknown=1;K8S_POD_NAME=a;IP=10.32.0.2"]),
        CNI_PATH: "/",
      };
      return readCall(env, JSON.stringify(mutation.value(configs))).kind !== "fault";
    },
  };
}

function ofRecord(): Target {
  return {
    name: "meaning of a record",
    run: (mutation) => {
      const [text, value] = mutation.one(records);
      const key = parseRecordKey(mutation.text([text]));
      return key !== undefined && meaningOf(host, key, mutation.encoded([value])) !== undefined;
    },
  };
}

/** What a route does with a request; what it does not take it refuses by name. */
function ofRoute({ method, path, purpose }: (typeof routes)[number]): Target[] {
  if (purpose.kind !== "command") return [];
  const bodies = [
    { name: "web", subnets: ["10.32.0.0/16"] },
    { network: "web", netns: "/run/netns/a", interface: "eth0", addresses: ["10.32.0.2"] },
    { host: "host-b" },
    { count: 1 },
  ];
  const queries = [{}, { wait: "1000" }, { force: "true" }, { network: "web" }];
  return [
    {
      name: `${method.toUpperCase()} ${path}`,
      run: (mutation) => {
        const query = mutation.value(queries) as object;
        const [ref, body] = [mutation.text(["web", networkName]), mutation.value(bodies)];
        return refuses(() => purpose.command({ ref, query, body }));
      },
    },
  ];
}

/** The kernel's tools are no strangers: what they print wrongly may fail, and fails one dump. */
function ofKernel(name: string, read: (mutation: Mutation) => void): Target {
  return {
    name: `what ${name} prints`,
    run: (mutation) => {
      try {
        read(mutation);
        return true;
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof assert.AssertionError));
        return false;
      }
    },
  };
}

/** Whether it is taken; a refusal has a code, anything else is a crash. */
function refuses(take: () => unknown): boolean {
  try {
    take();
    return true;
  } catch (error) {
    if (error instanceof MeshError) return false;
    throw error;
  }
}

function requests(): unknown[] {
  const wants = [{ origin: knownHead.origin, epoch: 0, seq: 0 }];
  return [compareRequest(makeHost(8).replica), fetchRequest(wants)].map((bytes) =>
    decode(bytes, 1e6),
  );
}

function frames(): unknown[] {
  const asked = [
    compareRequest(makeHost(8).replica),
    fetchRequest([{ origin: knownHead.origin, epoch: 0, seq: 0 }]),
  ];
  const served = asked.flatMap((request) => [...serve(knownReplica, request, syncLimits)]);
  return served.map((bytes) => decode(bytes, 1e6));
}

function configurations(): string[] {
  const yaml = "join: [10.0.0.1, host-b]\ntoken: slt1.abc\nport: 7791\ndata-dir: /data\n";
  return [
    yaml,
    JSON.stringify({ join: ["10.0.0.1"], port: 7_791, "purge-on-exit": true }),
    "a: &a [*a]",
  ];
}

function verdictOf(): Parameters<typeof revoke>[0] {
  return { ...verdict, scope: "host" } as Parameters<typeof revoke>[0];
}
