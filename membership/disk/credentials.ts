/**
 * What makes this host a member, and an admin, on disk. Each file carries its own checksum: a
 * damaged one is named, never half believed.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { bytesEqual, concatBytes } from "../../base/bytes.ts";
import { decode, encode } from "../../base/codec.ts";
import type { Crypto } from "../../base/crypto.ts";
import { MeshError } from "../../base/errors.ts";
import { readIfThere, writeAtomic } from "../../base/node/atomic-file.ts";
import { fixedBytes } from "../../base/schema.ts";
import { type Certificate, certificateSchema } from "../certificate.ts";
import { tokenSecretBytes } from "../token.ts";
import { packTokens } from "../token-book.ts";
import type { SafeFile, Vault } from "../vault.ts";

/** What is on disk; all of it absent on a host that is no member yet. */
export type Credentials = {
  readonly certificate: Certificate | undefined;
  /** 32 bytes: the private half of the cluster's root key. */
  readonly rootSeed: Uint8Array | undefined;
  /** As the core packed them. */
  readonly tokens: Uint8Array | undefined;
  readonly revocations: Uint8Array | undefined;
};

const certificateBytes = 4_096;
const checksumBytes = 32;
/** The one token of version 0.1.0 had no end. It gets one: a month, and a large rack's uses. */
const formerToken = { uses: 1_000, ms: 30 * 24 * 3_600_000 };

const authoritySchema = v.strictObject({
  rootSeed: fixedBytes(32),
  tokenSecret: v.optional(fixedBytes(tokenSecretBytes)),
});

const advice: { readonly [File in SafeFile | "authority"]: string } = {
  certificate: "restore it from a backup, or move the data directory aside and join anew",
  authority: "restore it from a backup; without it the cluster's root key is lost",
  tokens: "move it aside and make new tokens; those it held are closed then",
  revocations: "move it aside; the other hosts will tell again who is out",
};

/**
 * Reads what there is, and brings what version 0.1.0 left to today's form. Throws a MeshError:
 * DATA_DIR_UNUSABLE, STORE_DAMAGED.
 */
export async function loadCredentials(
  directory: string,
  { crypto, wallMs }: { readonly crypto: Pick<Crypto, "hash">; readonly wallMs: number },
): Promise<Credentials> {
  await reach(directory, () => mkdir(directory, { recursive: true, mode: 0o700 }));
  const read = (file: SafeFile | "authority") => load(directory, file, crypto);
  const certificate = parse(await read("certificate"), "certificate", certificateSchema);
  const authority = parse(await read("authority"), "authority", authoritySchema);
  let tokens = await read("tokens");
  if (authority?.tokenSecret !== undefined) {
    const { tokenSecret: secret, rootSeed } = authority;
    const expiresAt = Math.round(wallMs) + formerToken.ms;
    // The token first: after a crash between the two it is moved once more, to the same place.
    tokens ??= packTokens([{ secret, uses: formerToken.uses, expiresAt }]);
    await save(directory, "tokens", { content: tokens, crypto });
    await saveRoot(directory, rootSeed, crypto);
  }
  const revocations = await read("revocations");
  return { certificate, rootSeed: authority?.rootSeed, tokens, revocations };
}

/** Makes this host a member for good. */
export function saveCertificate(
  directory: string,
  certificate: Certificate,
  crypto: Pick<Crypto, "hash">,
): Promise<void> {
  return save(directory, "certificate", { content: encode(certificate), crypto });
}

/** Makes this host the founder for good; written before the certificate that depends on it. */
export function saveRoot(
  directory: string,
  rootSeed: Uint8Array,
  crypto: Pick<Crypto, "hash">,
): Promise<void> {
  return save(directory, "authority", { content: encode({ rootSeed }), crypto });
}

/** The files that change while the agent runs. */
export function openVault(directory: string, crypto: Pick<Crypto, "hash">): Vault {
  return { save: (file, content) => save(directory, file, { content, crypto }) };
}

async function load(
  directory: string,
  file: SafeFile | "authority",
  crypto: Pick<Crypto, "hash">,
): Promise<Uint8Array | undefined> {
  const path = join(directory, file);
  const bytes = await reach(path, () => readIfThere(path));
  if (bytes === undefined) return undefined;
  const [checksum, content] = [bytes.subarray(0, checksumBytes), bytes.subarray(checksumBytes)];
  if (bytesEqual(checksum, crypto.hash(content))) return content;
  throw damaged(path, file);
}

/** The content as what it should be, which its checksum alone does not say. */
function parse<Schema extends v.GenericSchema>(
  content: Uint8Array | undefined,
  file: "certificate" | "authority",
  schema: Schema,
): v.InferOutput<Schema> | undefined {
  if (content === undefined) return undefined;
  const parsed = v.safeParse(schema, decode(content, certificateBytes));
  if (parsed.success) return parsed.output;
  throw damaged(file, file);
}

/** What a file is that cannot be what it was. */
export function damaged(path: string, file: SafeFile | "authority"): MeshError {
  return new MeshError("STORE_DAMAGED", `${path} is damaged; ${advice[file]}`);
}

function save(
  directory: string,
  file: SafeFile | "authority",
  { content, crypto }: { readonly content: Uint8Array; readonly crypto: Pick<Crypto, "hash"> },
): Promise<void> {
  const path = join(directory, file);
  return reach(path, () => writeAtomic(path, concatBytes([crypto.hash(content), content]), 0o600));
}

async function reach<Value>(path: string, what: () => Promise<Value>): Promise<Value> {
  try {
    return await what();
  } catch (cause) {
    const advice = "is the data directory writable for this user?";
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot use ${path}; ${advice}`, { cause });
  }
}
