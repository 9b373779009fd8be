/** This host's key, made at the first start and never moved: its public half is the host's id. */
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf,
} from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey } from "@libp2p/interface";
import { bytesEqual } from "../../base/bytes.ts";
import { MeshError } from "../../base/errors.ts";
import type { HostId } from "../../base/id.ts";
import { readIfThere, writeAtomic } from "../../base/node/atomic-file.ts";
import { hostIdOf } from "../../base/node/crypto.ts";

/** A host's name and the key that it stands for. */
export type Identity = {
  readonly host: HostId;
  /** The private key's 32 bytes. */
  readonly seed: Uint8Array;
  readonly privateKey: Ed25519PrivateKey;
};

const seedBytes = 32;
/** Everybody but the owner. */
const othersMode = 0o077;

/**
 * The identity in the data directory, made there if there is none. A key that others can read is
 * refused: it may be known by now, and only the operator can judge that. Throws a MeshError:
 * DATA_DIR_UNUSABLE.
 */
export async function loadIdentity(directory: string): Promise<Identity> {
  const path = join(directory, "identity");
  try {
    const bytes = await readIfThere(path);
    if (bytes === undefined) return identityOf(await create(path));
    await checkPrivate(path);
    return identityOf(await parse(path, bytes));
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw unusable(`cannot use ${path}; is the data directory writable for this user?`, cause);
  }
}

async function create(path: string): Promise<Ed25519PrivateKey> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const key = await generateKeyPair("Ed25519");
  await writeAtomic(path, privateKeyToProtobuf(key), 0o600);
  return key;
}

async function checkPrivate(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & othersMode) === 0) return;
  throw unusable(
    `${path} holds this host's private key and others can read it (mode ${(mode & 0o777).toString(8)}); ` +
      "chmod 600 it, or remove it if somebody may have copied it: then this becomes a new host",
  );
}

async function parse(path: string, bytes: Uint8Array): Promise<Ed25519PrivateKey> {
  const key = await decodeKey(bytes);
  if (key !== undefined) return key;
  throw unusable(
    `${path} is damaged; restore it from a backup, or remove it: then this becomes a new host`,
  );
}

/** The key, or undefined where these are not exactly the bytes that its private half makes. */
async function decodeKey(bytes: Uint8Array): Promise<Ed25519PrivateKey | undefined> {
  try {
    const key = privateKeyFromProtobuf(bytes);
    if (key.type !== "Ed25519") return undefined;
    const derived = await generateKeyPairFromSeed("Ed25519", key.raw.slice(0, seedBytes));
    return bytesEqual(privateKeyToProtobuf(derived), bytes) ? derived : undefined;
  } catch {
    return undefined;
  }
}

function identityOf(privateKey: Ed25519PrivateKey): Identity {
  const seed = privateKey.raw.slice(0, seedBytes);
  return { host: hostIdOf(privateKey.publicKey.raw), seed, privateKey };
}

function unusable(message: string, cause?: unknown): MeshError {
  return new MeshError("DATA_DIR_UNUSABLE", message, { cause });
}
