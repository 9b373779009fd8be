/** A process that reads everything in a store, and lives or dies of it: `probe.ts` looks which. */
import { journalTables } from "../journal.ts";
import { Database } from "./database.ts";

const [directory = ""] = process.argv.slice(2);
try {
  const database = await Database.open(directory, { isNew: false });
  await database.seal();
  for (const table of journalTables) await database.read(table);
  await database.close();
} catch {
  // What can be caught here can be caught by whoever opens it next.
}
process.disconnect();
