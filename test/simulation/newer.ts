/**
 * Hosts of a later version among the others (a rolling upgrade): with what they write they write
 * records of a kind that nobody here knows. Whoever does not know it keeps it and passes it on, or
 * an origin's commitment would not hold.
 */
import assert from "node:assert/strict";
import { encode } from "../../base/codec.ts";
import { parseRecordKey, type RecordKey } from "../../store/record.ts";
import { type Write, Writer } from "../../store/writer.ts";
import type { Cluster } from "./cluster.ts";
import type { SimulatedHost } from "./host.ts";
import { thinking } from "./twists.ts";

/** Every third host is newer; each has so many such records, now and then one less. */
const [newerEvery, records] = [3, 5];

/** Runs something in which some hosts are newer, if that is wanted. */
export function withNewer<Result>(isWanted: boolean, run: () => Result): Result {
  if (!isWanted) return run();
  const original = Writer.prototype.write;
  const counts = new Map<SimulatedHost, number>();
  Writer.prototype.write = function write(ticket, writes) {
    const { host } = thinking;
    const more = host === undefined || !isNewer(host) ? [] : [extra(host, counts)];
    original.call(this, ticket, [...writes, ...more]);
  };
  try {
    return run();
  } finally {
    Writer.prototype.write = original;
  }
}

/** Everybody holds what newer hosts have written, byte by byte. */
export function checkKept(cluster: Cluster): void {
  const up = cluster.hosts.filter((host) => host.isUp && cluster.isIn(host));
  for (const origin of up.filter(isNewer)) {
    if (cluster.witness.isLiar(origin.id)) continue;
    const own = rowsOf(origin, origin);
    for (const host of up) {
      const what = `L1: host-${host.n} keeps what host-${origin.n} writes, which is newer than it`;
      assert.deepEqual(rowsOf(host, origin), own, what);
    }
    if (own.length > 0 && up.length > 1) cluster.mark("unknown kind kept");
  }
}

function isNewer({ n }: SimulatedHost): boolean {
  return n % newerEvery === 0;
}

function extra(host: SimulatedHost, counts: Map<SimulatedHost, number>): Write {
  const count = (counts.get(host) ?? 0) + 1;
  counts.set(host, count);
  const key = parseRecordKey(`future/${count % records}`) as RecordKey;
  return { key, value: count % 7 === 0 ? undefined : encode({ count, of: host.id }) };
}

function rowsOf(host: SimulatedHost, origin: SimulatedHost): string[] {
  const rows = [...host.disk.rows("origins")];
  return rows
    .filter(({ key }) => key.startsWith(`${origin.id} r future/`))
    .map(({ key, value }) => `${key} ${Buffer.from(value).toString("hex")}`)
    .toSorted();
}
