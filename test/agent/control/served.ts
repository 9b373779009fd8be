/** Serves at the path given, says who may use the doors, and ends. For server.test.ts. */
import { statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { limits } from "../../../agent/config.ts";
import { rootSocket } from "../../../agent/control/doors.ts";
import { openControlServer } from "../../../agent/control/server.ts";
import { SimulatedDesk } from "./simulated-desk.ts";
import { quiet } from "./world.ts";

const [, , path = ""] = process.argv;
await using _ = await openControlServer({ path, desk: new SimulatedDesk(), log: quiet, limits });
for (const each of [dirname(path), path, rootSocket(path)]) {
  const { gid, mode } = statSync(each);
  console.log(`${basename(each)} ${gid} ${(mode & 0o777).toString(8)}`);
}
