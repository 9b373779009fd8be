/** The `starling` command: first it turns on the compile cache, then it loads the rest. */
import { enableCompileCache } from "node:module";
import { compileCacheFolder } from "./compile-cache.ts";

const folder = compileCacheFolder(process.env);
if (folder !== undefined) enableCompileCache(folder);

const { main } = await import("./command-line.ts");
process.exitCode = await main(process.argv.slice(2));
