/** A process of its own that appends durably for ever, and says how far it was acknowledged. */
import { openJournal } from "../../../store/leveldb/journal.ts";
import { silentLog } from "../../agent/samples.ts";

const [directory = ""] = process.argv.slice(2);
const journal = await openJournal({ directory, log: silentLog });
for (let at = 0; ; at += 1) {
  const value = Buffer.from(String(at));
  await journal.append(
    [
      { table: "origins", key: `row-${at}`, value },
      { table: "local", key: "last", value },
    ],
    { isDurable: at % 3 !== 0 },
  );
  if (at % 3 !== 0) process.stdout.write(`${at}\n`);
}
