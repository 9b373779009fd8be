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

/**
 * Whoever holds a version of a newer host's records holds all of it, byte by byte. (A newer host's
 * own disk may be ahead of everybody: it holds what it refused to confirm until it writes again.)
 */
export function checkKept(cluster: Cluster): void {
  const up = cluster.hosts.filter((host) => host.isUp && cluster.isIn(host));
  for (const origin of up.filter(isNewer)) {
    if (cluster.witness.isLiar(origin.id)) continue;
    const byHead = new Map<string, string[]>();
    for (const host of up) {
      const head = headOf(host, origin);
      const known = byHead.get(head);
      const rows = rowsOf(host, origin);
      if (known === undefined) byHead.set(head, rows);
      else {
        const what = `L1: host-${host.n} keeps what host-${origin.n} writes, which is newer than it`;
        assert.deepEqual(rows, known, what);
        if (rows.length > 0) cluster.mark("unknown kind kept");
      }
    }
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

function headOf(host: SimulatedHost, origin: SimulatedHost): string {
  const rows = [...host.disk.rows("origins")];
  const head = rows.find(({ key }) => key === `${origin.id} h`);
  return head === undefined ? "" : Buffer.from(head.value).toString("hex");
}

function rowsOf(host: SimulatedHost, origin: SimulatedHost): string[] {
  const rows = [...host.disk.rows("origins")];
  return rows
    .filter(({ key }) => key.startsWith(`${origin.id} r future/`))
    .map(({ key, value }) => `${key} ${Buffer.from(value).toString("hex")}`)
    .toSorted();
}
