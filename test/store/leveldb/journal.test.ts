import { journalContract } from "../../contract/journal.ts";
import { openMachine } from "./machine.ts";

journalContract("LevelDB", openMachine);
