import { journalContract } from "../contract/journal.ts";
import { Disk } from "./disk.ts";
import { SimulatedJournal } from "./journal.ts";

journalContract("simulated", async () => {
  let disk = new Disk();
  let isBroken = false;
  return {
    open: async () => new SimulatedJournal({ disk, isBroken: () => isBroken }),
    crash: async () => {
      disk.crash((unsynced) => Math.floor(unsynced / 2));
      // What the ended process still writes reaches nobody.
      disk = disk.copy();
    },
    breakDisk: async () => {
      isBroken = true;
    },
    mendDisk: async () => {
      isBroken = false;
    },
    close: async () => undefined,
  };
});
