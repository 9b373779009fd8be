/**
 * What makes this host a member, on disk: its certificate, and on the host that founded the cluster
 * the root key and the token's secret. Each file carries its own checksum: a damaged one is named,
 * never half believed.
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

/** The founder's secrets. */
export type Authority = {
  /** 32 bytes: the root key's private half. */
  readonly rootSeed: Uint8Array;
  readonly tokenSecret: Uint8Array;
};

/** What is on disk; neither on a host that is no member yet. */
export type Credentials = {
  readonly certificate: Certificate | undefined;
  readonly authority: Authority | undefined;
};

const fileBytes = 4096;
const checksumBytes = 32;
const authoritySchema = v.strictObject({
  rootSeed: fixedBytes(32),
  tokenSecret: fixedBytes(tokenSecretBytes),
});

/** Reads what there is. Throws a MeshError: DATA_DIR_UNUSABLE, STORE_DAMAGED. */
export async function loadCredentials(
  directory: string,
  crypto: Pick<Crypto, "hash">,
): Promise<Credentials> {
  await reach(directory, () => mkdir(directory, { recursive: true, mode: 0o700 }));
  const certificate = await load(join(directory, "certificate"), certificateSchema, crypto);
  const authority = await load(join(directory, "authority"), authoritySchema, crypto);
  return { certificate, authority };
}

/** Makes this host a member for good. */
export function saveCertificate(
  directory: string,
  certificate: Certificate,
  crypto: Pick<Crypto, "hash">,
): Promise<void> {
  return save(join(directory, "certificate"), certificate, crypto);
}

/** Makes this host the founder for good; written before the certificate that depends on it. */
export function saveAuthority(
  directory: string,
  authority: Authority,
  crypto: Pick<Crypto, "hash">,
): Promise<void> {
  return save(join(directory, "authority"), authority, crypto);
}

async function load<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
  crypto: Pick<Crypto, "hash">,
): Promise<v.InferOutput<Schema> | undefined> {
  const bytes = await reach(path, () => readIfThere(path));
  if (bytes === undefined) return undefined;
  const [checksum, content] = [bytes.subarray(0, checksumBytes), bytes.subarray(checksumBytes)];
  const parsed = v.safeParse(schema, decode(content, fileBytes));
  if (bytesEqual(checksum, crypto.hash(content)) && parsed.success) return parsed.output;
  const advice = "restore it from a backup, or move the data directory aside and join anew";
  throw new MeshError("STORE_DAMAGED", `${path} is damaged; ${advice}`);
}

function save(path: string, value: unknown, crypto: Pick<Crypto, "hash">): Promise<void> {
  const content = encode(value);
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
