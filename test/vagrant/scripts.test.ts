import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../lab/process.ts";
import { lackOf, skipWhere } from "./obstacle.ts";

const vagrant = join(import.meta.dirname, "../../vagrant");

describe("the scripts in vagrant/", () => {
  it("please shellcheck", async function () {
    const lack = lackOf("shellcheck");
    skipWhere(lack, this);
    const files = await readdir(vagrant, { recursive: true });
    const scripts = files.filter((file) => file.endsWith(".sh"));
    await run(["shellcheck", "--external-sources", ...scripts.map((file) => join(vagrant, file))]);
  });
});
