/**
 * What this host is when it starts: a member, a founder, or somebody who wants to join. Decided
 * from what is on disk, then from the options; nothing is written here.
 */
import type { Crypto } from "../../base/crypto.ts";
import { MeshError } from "../../base/errors.ts";
import type { ClusterId, HostId } from "../../base/id.ts";
import { nodeSigner } from "../../base/node/crypto.ts";
import type { Random } from "../../base/random.ts";
import { type Certificate, certify, clusterOf } from "../../membership/certificate.ts";
import type { Credentials } from "../../membership/disk/credentials.ts";
import { parseToken, type Token } from "../../membership/token.ts";
import { rootIssuer } from "../../membership/warrant.ts";
import { type Config, timing } from "../config.ts";

/** A member, or somebody with a token who is not one yet. */
export type Standing =
  | {
      readonly kind: "member";
      readonly cluster: ClusterId;
      readonly certificate: Certificate;
      readonly rootSeed: Uint8Array | undefined;
      readonly isNew: boolean;
    }
  | { readonly kind: "joining"; readonly cluster: ClusterId; readonly token: Token };

type Question = {
  readonly credentials: Pick<Credentials, "certificate" | "rootSeed">;
  readonly config: Pick<Config, "join" | "token" | "dataDir">;
  /** `config.join`, or what the token says, without this host's own addresses. */
  readonly seeds: readonly string[];
  readonly host: HostId;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly wallMs: number;
  /** The store holds records of some cluster. */
  readonly hasRecords: boolean;
};

/** Throws a MeshError: TOKEN_MISSING, TOKEN_MALFORMED, CONFIG_INVALID, STORE_DAMAGED. */
export function standingOf(question: Question): Standing {
  const { credentials, seeds, config } = question;
  const { certificate, rootSeed } = credentials;
  const token = config.token === undefined ? undefined : readToken(config.token);
  if (certificate !== undefined && !mustRejoin(question, certificate, token))
    return member(question, certificate, token);
  if (rootSeed !== undefined) return founder(question, rootSeed, false);
  if (token !== undefined) return joining(question, token);
  if (seeds.length > 0) {
    const where = `"starling token" on an admin prints it`;
    throw new MeshError(
      "TOKEN_MISSING",
      `joining ${seeds.join(", ")} takes a token: --token slt1...; ${where}`,
    );
  }
  // Who founds a cluster on the records of another would serve neither.
  if (question.hasRecords)
    throw lost(`${config.dataDir}/certificate is missing, and the store has records`);
  return founder(question, question.random.bytes(32), true);
}

function lost(what: string): MeshError {
  const advice = "restore it from a backup, or start once with --token to join the cluster anew";
  return new MeshError("STORE_DAMAGED", `${what}; ${advice}`);
}

/** The token that the configuration gives, if it gives one. Throws a MeshError TOKEN_MALFORMED. */
export function readToken(text: string): Token {
  const token = parseToken(text);
  if (token !== undefined) return token;
  throw new MeshError(
    "TOKEN_MALFORMED",
    "the token is not one of ours or was cut short: it looks like slt1....",
  );
}

function joining({ config, seeds }: Question, token: Token): Standing {
  if (seeds.length > 0) return { kind: "joining", cluster: token.cluster, token };
  const why =
    config.join.length === 0 ? "no --join says whom to ask" : "every --join is this host itself";
  throw new MeshError(
    "CONFIG_INVALID",
    `a token is given, but ${why}; name a member of the cluster`,
  );
}

/** A certificate that has ended, or of another key, makes nobody a member; a token then does. */
function mustRejoin(
  { wallMs, host }: Question,
  { notAfter, cluster, host: certified }: Certificate,
  token: Token | undefined,
): boolean {
  const isOver = (notAfter !== undefined && wallMs > notAfter) || certified !== host;
  return token?.cluster === cluster && isOver;
}

function member(question: Question, certificate: Certificate, token: Token | undefined): Standing {
  const { cluster } = certificate;
  if (token !== undefined && token.cluster !== cluster) {
    const what = `this host is a member of cluster ${cluster.slice(0, 12)}, and the token is of ${token.cluster.slice(0, 12)}`;
    const advice = `to move it, stop the agent and remove ${question.config.dataDir}`;
    throw new MeshError("CONFIG_INVALID", `${what}; ${advice}`);
  }
  if (certificate.host !== question.host) {
    const { dataDir } = question.config;
    throw lost(`${dataDir}/identity is another one than ${dataDir}/certificate is for`);
  }
  const { rootSeed } = question.credentials;
  return { kind: "member", cluster, certificate, rootSeed, isNew: false };
}

function founder(question: Question, rootSeed: Uint8Array, isNew: boolean): Standing {
  const { host, crypto, wallMs } = question;
  const root = nodeSigner(rootSeed);
  const cluster = clusterOf(root.publicKey, crypto);
  const notAfter = Math.round(wallMs) + timing.admission.certificateMs;
  const certificate = certify(host, { serial: 1, notAfter }, rootIssuer(cluster, root));
  return { kind: "member", cluster, certificate, rootSeed, isNew };
}

/**
 * Where a seed text points, without port and brackets, so that it can be compared with our own
 * addresses.
 */
export function hostPart(seed: string): string {
  const multiaddr = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)/.exec(seed)?.[1];
  const bracketed = /^\[([^\]]+)\]/.exec(seed)?.[1];
  const plain = seed.split(":").length === 2 ? seed.split(":")[0] : seed;
  return multiaddr ?? bracketed ?? plain ?? seed;
}
