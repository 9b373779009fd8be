/** Replicas and writers of a few hosts, without network or disk, for the store's tests. */
import { encode } from "../../base/codec.ts";
import { type BootId, parseBootId, parseClusterId } from "../../base/id.ts";
import { parseRecordKey, type RecordKey } from "../../store/record.ts";
import { Replica, type ReplicaLimits } from "../../store/replica.ts";
import { Writer } from "../../store/writer.ts";
import { simulatedCrypto, simulatedHost } from "../simulation/crypto.ts";

const parsedCluster = parseClusterId("c".repeat(64));
if (parsedCluster === undefined) throw new Error("bug");
/** The cluster of these tests. */
export const cluster = parsedCluster;

export const smallLimits: ReplicaLimits = {
  recordsPerOrigin: 1000,
  bytesPerOrigin: 100_000,
  tombstonesPerOrigin: 8,
  origins: 16,
};

export const syncLimits = {
  pageBytes: 512,
  messageBytes: 64 * 1024,
  valueBytes: 1024,
  recordsPerOrigin: 1000,
  bytesPerOrigin: 100_000,
  origins: 16,
};

/** A record key that is known to be well formed. */
export function key(text: string): RecordKey {
  const parsed = parseRecordKey(text);
  if (parsed === undefined) throw new Error(`bug: key ${text}`);
  return parsed;
}

/** A boot id from a small number. */
export function boot(n: number): BootId {
  const parsed = parseBootId(n.toString(16).padStart(16, "0"));
  if (parsed === undefined) throw new Error("bug: boot id");
  return parsed;
}

/** One host's store. `write` makes its change durable at once. */
export function makeHost(
  n: number,
  veto = (): string | undefined => undefined,
  run = n,
  wallMs = 0,
  limits: ReplicaLimits = smallLimits,
) {
  const self = simulatedHost(n);
  const crypto = simulatedCrypto(self);
  const replica = new Replica({ self, cluster, crypto, limits, veto });
  const writer = new Writer({ replica, crypto, self, cluster, boot: boot(run), wallMs });
  writer.open(true);
  const write = (changes: Record<string, unknown>) => {
    const writes = Object.entries(changes).map(([name, value]) => ({
      key: key(name),
      value: value === undefined ? undefined : encode(value),
    }));
    writer.write(1, writes);
    writer.next();
    return writer.appended().delta;
  };
  return { self, crypto, replica, writer, write };
}

/** What a replica holds of an origin, as comparable text. */
export function contents(replica: Replica, origin: ReturnType<typeof simulatedHost>): string[] {
  const entries = [...(replica.origin(origin)?.entries() ?? [])];
  return entries.map((entry) => `${entry.key}@${entry.seq}=${entry.value.join(",")}`).toSorted();
}
