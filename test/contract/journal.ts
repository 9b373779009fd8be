/** What every Journal must do, simulated or real. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Journal,
  type JournalOp,
  type JournalTable,
  journalTables,
} from "../../store/journal.ts";

/** A machine with a disk. */
export type JournalWorld = {
  /** Starts a process on it. */
  open(): Promise<Journal & AsyncDisposable>;
  /** The process ends where it is; the next one finds what is on the disk now. */
  crash(): Promise<void>;
  /** From now on the disk refuses to write, until it is mended. */
  breakDisk(): Promise<void>;
  mendDisk(): Promise<void>;
  close(): Promise<void>;
};

const durable = { isDurable: true };
const kept = { isDurable: false };

function put(key: string, value: string, table: JournalTable = "origins"): JournalOp {
  return { table, key, value: Buffer.from(value) };
}

function remove(key: string, table: JournalTable = "origins"): JournalOp {
  return { table, key, value: undefined };
}

async function rowsOf(journal: Journal, table: JournalTable): Promise<[string, string][]> {
  const rows = await Array.fromAsync(journal.load(table));
  return rows.map(({ key, value }) => [key, Buffer.from(value).toString()]);
}

/** Both tables as one text to compare. */
async function textOf(journal: Journal): Promise<string> {
  const tables = await Promise.all(journalTables.map((table) => rowsOf(journal, table)));
  return JSON.stringify(tables);
}

/** What a journal must hold after these appends: a table is a map in order of bytes. */
function textAfter(appends: readonly (readonly JournalOp[])[]): string {
  const tables = journalTables.map((table) => {
    const rows = new Map<string, string>();
    for (const op of appends.flat().filter((each) => each.table === table)) {
      if (op.value === undefined) rows.delete(op.key);
      else rows.set(op.key, Buffer.from(op.value).toString());
    }
    return [...rows].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  });
  return JSON.stringify(tables);
}

export function journalContract(name: string, make: () => Promise<JournalWorld>): void {
  describe(`the contract of a journal: ${name}`, () => {
    let world: JournalWorld;
    beforeEach(async () => {
      world = await make();
    });
    afterEach(() => world.close());

    it("gives back what was appended, table by table, in order of the keys' bytes", async () => {
      {
        await using journal = await world.open();
        const ops = [put("b", "2"), put("\u{1f600}", "5"), put("\uffee", "4"), put("a", "1")];
        await journal.append([...ops, put("b", "other", "local")], durable);
      }
      await using journal = await world.open();
      assert.deepEqual(await rowsOf(journal, "origins"), [
        ["a", "1"],
        ["b", "2"],
        ["\uffee", "4"],
        ["\u{1f600}", "5"],
      ]);
      assert.deepEqual(await rowsOf(journal, "local"), [["b", "other"]]);
    });

    it("holds after any changes what a map would hold", async () => {
      const key = fc.constantFrom("a", "b", "c", "d/e");
      const value = fc.option(fc.constantFrom("", "1", "22"), { nil: undefined });
      const table = fc.constantFrom(...journalTables);
      const op = fc.record({ table, key, value });
      const appends = fc.array(fc.array(op, { maxLength: 6 }), { maxLength: 12 });
      const done: JournalOp[][] = [];
      await fc.assert(
        fc.asyncProperty(appends, fc.boolean(), async (some, isDurable) => {
          const next = some.map((ops) =>
            ops.map((each) => ({
              ...each,
              value: each.value === undefined ? undefined : Buffer.from(each.value),
            })),
          );
          {
            await using journal = await world.open();
            await Promise.all(next.map((ops) => journal.append(ops, { isDurable })));
            done.push(...next);
          }
          await using journal = await world.open();
          assert.equal(await textOf(journal), textAfter(done));
        }),
        { numRuns: 15 },
      );
    });

    it("takes empty and large values as they are", async () => {
      const large = Buffer.alloc(64 * 1024, 0xa5);
      {
        await using journal = await world.open();
        const value = new Uint8Array();
        await journal.append([{ table: "local", key: "empty", value }], durable);
        await journal.append([{ table: "local", key: "large", value: large }], durable);
      }
      await using journal = await world.open();
      const rows = await Array.fromAsync(journal.load("local"));
      assert.deepEqual(
        rows.map(({ key, value }) => [key, value.length]),
        [
          ["empty", 0],
          ["large", large.length],
        ],
      );
      assert.ok(large.equals(rows[1]?.value ?? Buffer.alloc(0)));
    });

    it("completes appends in the order of the calls", async () => {
      await using journal = await world.open();
      const order: number[] = [];
      const appends = Array.from({ length: 50 }, async (_, at) => {
        await journal.append([put("key", String(at))], { isDurable: at % 7 === 3 });
        order.push(at);
      });
      await Promise.all(appends);
      assert.deepEqual(
        order,
        Array.from({ length: 50 }, (_, at) => at),
      );
    });

    it("has after a crash all that was durable, and of the rest whole appends in order", async () => {
      const journal = await world.open();
      const appends: JournalOp[][] = [];
      for (let at = 0; at < 40; at += 1) {
        const ops = [put(`${at % 5}`, `${at}`), at % 3 === 0 ? remove("x") : put("x", `${at}`)];
        appends.push(ops);
        await journal.append(ops, at < 25 && at % 4 === 0 ? durable : kept);
      }
      await world.crash();
      await using after = await world.open();
      const text = await textOf(after);
      const possible = Array.from({ length: 16 }, (_, more) => appends.slice(0, 25 + more));
      assert.ok(possible.map(textAfter).includes(text), text);
    });

    it("has after a crash in the midst of appends what it had acknowledged", async () => {
      const journal = await world.open();
      const appends = Array.from({ length: 30 }, (_, at) => [put(`${at}`, "x"), put("n", `${at}`)]);
      let acknowledged = 0;
      const waiting = appends.map(async (ops) => {
        await journal.append(ops, durable);
        acknowledged += 1;
      });
      await waiting[4];
      const atLeast = acknowledged;
      await world.crash();
      {
        await using after = await world.open();
        const count = (await rowsOf(after, "origins")).length - 1;
        assert.ok(count >= atLeast, `${count} of ${atLeast}`);
        assert.equal(await textOf(after), textAfter(appends.slice(0, count)));
      }
      await Promise.all(waiting);
    });

    it("refuses what the disk refuses and all behind it, in order, and keeps none of it", async () => {
      {
        await using journal = await world.open();
        await journal.append([put("a", "1"), put("b", "1")], durable);
        await world.breakDisk();
        const order: string[] = [];
        const refusals = ["c", "d", "e"].map(async (key, at) => {
          const append = journal.append([put(key, "2"), put("a", "2"), remove("b")], {
            isDurable: at !== 1,
          });
          await assert.rejects(append, { code: "DATA_DIR_UNUSABLE" });
          order.push(key);
        });
        await Promise.all(refusals);
        assert.deepEqual(order, ["c", "d", "e"]);
        await assert.rejects(journal.append([put("f", "2")], durable), {
          code: "DATA_DIR_UNUSABLE",
        });
        await world.mendDisk();
        await journal.append([put("g", "3")], durable);
      }
      await using journal = await world.open();
      assert.deepEqual(await rowsOf(journal, "origins"), [
        ["a", "1"],
        ["b", "1"],
        ["g", "3"],
      ]);
    });

    it("has what it acknowledges after the disk was full, also if it crashes then", async () => {
      const journal = await world.open();
      await journal.append([put("before", "1")], durable);
      await world.breakDisk();
      await assert.rejects(journal.append([put("never", "1")], durable), {
        code: "DATA_DIR_UNUSABLE",
      });
      await world.mendDisk();
      for (let at = 0; at < 10; at += 1) await journal.append([put(`after${at}`, "1")], durable);
      await world.crash();
      await using after = await world.open();
      const keys = (await rowsOf(after, "origins")).map(([key]) => key);
      assert.equal(keys.length, 11);
      assert.ok(!keys.includes("never"));
    });

    it("takes nothing more once it is closed", async () => {
      const journal = await world.open();
      const last = journal.append([put("a", "1")], kept);
      await journal[Symbol.asyncDispose]();
      await last;
      await assert.rejects(journal.append([put("b", "1")], durable), { code: "SHUTTING_DOWN" });
      await using after = await world.open();
      assert.deepEqual(await rowsOf(after, "origins"), [["a", "1"]]);
    });
  });
}
