/**
 * What this host is when it starts: a member, a founder, or somebody who wants to join. Decided
 * from what is on disk, then from the options; nothing but a founding is written here.
 */
import type { Crypto } from "../../base/crypto.ts";
import { MeshError } from "../../base/errors.ts";
import type { ClusterId, HostId } from "../../base/id.ts";
import { nodeSigner } from "../../base/node/crypto.ts";
import type { Random } from "../../base/random.ts";
import { type Certificate, certify, clusterOf } from "../../membership/certificate.ts";
import type { Authority, Credentials } from "../../membership/disk/credentials.ts";
import { judgeJoin, refuseJoin } from "../../membership/join.ts";
import { formatToken, parseToken, type Token, tokenSecretBytes } from "../../membership/token.ts";
import type { Config } from "../config.ts";
import type { JoinOffice } from "../relay.ts";

/** A member, or somebody with a token who is not one yet. */
export type Standing =
  | {
      readonly kind: "member";
      readonly cluster: ClusterId;
      readonly certificate: Certificate;
      readonly authority: Authority | undefined;
      readonly isNew: boolean;
    }
  | { readonly kind: "joining"; readonly cluster: ClusterId; readonly token: Token };

type Question = {
  readonly credentials: Credentials;
  readonly config: Pick<Config, "join" | "token" | "dataDir">;
  /** `config.join` without this host's own addresses. */
  readonly seeds: readonly string[];
  readonly host: HostId;
  readonly crypto: Crypto;
  readonly random: Random;
};

/** Throws a MeshError: TOKEN_MISSING, TOKEN_MALFORMED, CONFIG_INVALID. */
export function standingOf(question: Question): Standing {
  const { credentials, seeds, config } = question;
  const token = config.token === undefined ? undefined : readToken(config.token);
  if (credentials.certificate !== undefined)
    return member(question, credentials.certificate, token);
  if (credentials.authority !== undefined) return founder(question, credentials.authority, false);
  if (token !== undefined && seeds.length > 0)
    return { kind: "joining", cluster: token.cluster, token };
  if (token !== undefined) {
    const why =
      config.join.length === 0 ? "no --join says whom to ask" : "every --join is this host itself";
    throw new MeshError(
      "CONFIG_INVALID",
      `a token is given, but ${why}; name a member of the cluster`,
    );
  }
  if (seeds.length > 0) {
    const where = `"starling token" on a member prints it`;
    throw new MeshError(
      "TOKEN_MISSING",
      `joining ${seeds.join(", ")} takes a token: --token slt1...; ${where}`,
    );
  }
  const { random } = question;
  return founder(
    question,
    { rootSeed: random.bytes(32), tokenSecret: random.bytes(tokenSecretBytes) },
    true,
  );
}

/** What a host with the founder's secrets can do for those who want to join; any other refuses. */
export function officeOf(
  standing: Standing,
  host: HostId,
  address: string,
  crypto: Crypto,
): JoinOffice {
  const authority = standing.kind === "member" ? standing.authority : undefined;
  if (authority === undefined) {
    const message =
      "this host did not found the cluster and holds no token; ask the founder: starling token";
    return {
      token: () => ({ code: "NOT_PERMITTED", message }),
      judge: () => refuseJoin("TOKEN_REFUSED", "the token names a host that cannot redeem it"),
    };
  }
  const token: Token = { cluster: standing.cluster, issuer: host, secret: authority.tokenSecret };
  const root = nodeSigner(authority.rootSeed);
  const text = formatToken(token);
  return {
    token: () => ({ token: text, command: `starling agent --join ${address} --token ${text}` }),
    judge: (request) => judgeJoin(request, { token, root }, crypto),
  };
}

function readToken(text: string): Token {
  const token = parseToken(text);
  if (token !== undefined) return token;
  throw new MeshError(
    "TOKEN_MALFORMED",
    "the token is not one of ours or was cut short: it looks like slt1....",
  );
}

function member(question: Question, certificate: Certificate, token: Token | undefined): Standing {
  const { cluster } = certificate;
  if (token !== undefined && token.cluster !== cluster) {
    const what = `this host is a member of cluster ${cluster.slice(0, 12)}, and the token is of ${token.cluster.slice(0, 12)}`;
    const advice = `to move it, stop the agent and remove ${question.config.dataDir}`;
    throw new MeshError("CONFIG_INVALID", `${what}; ${advice}`);
  }
  const { authority } = question.credentials;
  return { kind: "member", cluster, certificate, authority, isNew: false };
}

function founder(question: Question, authority: Authority, isNew: boolean): Standing {
  const { host, crypto } = question;
  const root = nodeSigner(authority.rootSeed);
  const certificate = certify(host, root, crypto);
  const cluster = clusterOf(root.publicKey, crypto);
  return { kind: "member", cluster, certificate, authority, isNew };
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
