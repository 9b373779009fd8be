import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { starling } from "../lab/agent.ts";
import { attempt } from "../lab/process.ts";
import { skipWhere } from "../vagrant/obstacle.ts";
import { DockerCluster, type DockerHost } from "./cluster.ts";
import { engineObstacle } from "./engine.ts";
import { image } from "./image.ts";
import { blocks, type Step, stepsIn } from "./walk-through.ts";

const document = readFileSync(join(import.meta.dirname, "../../docs/docker.md"), "utf8");
const obstacle = engineObstacle();

describe("the walk of docs/docker.md", () => {
  before(function () {
    skipWhere(obstacle, this);
  });

  it("works as it stands, on three hosts", async () => {
    await using cluster = await DockerCluster.open(["a", "b", "c"]);
    const [composeFile = ""] = blocks(document, "yaml");
    for (const { engine, host } of cluster.hosts) {
      await engine.docker("tag", image, "busybox");
      mkdirSync(join(host.folder, "walk", "shop"), { recursive: true });
      writeFileSync(join(host.folder, "walk", "shop", "compose.yaml"), composeFile);
    }
    const steps = stepsIn(document);
    assert.ok(steps.length > 15);
    for (const step of steps) {
      if (step.printed.length > 0) await allNamed(cluster);
      await take(cluster.at(step.host), step);
    }
  });
});

/** Docker tells what a container is called a moment after it runs. */
async function allNamed({ hosts }: DockerCluster): Promise<void> {
  for (const { agent } of hosts) {
    await agent.eventually("every endpoint has a name", async (api) => {
      const endpoints = await api.endpoints();
      return endpoints.every(({ name }) => name !== undefined);
    });
  }
}

async function take({ host, engine, agent }: DockerHost, step: Step): Promise<void> {
  const env = {
    ...process.env,
    PATH: `${dirname(starling)}:${process.env["PATH"]}`,
    DOCKER_HOST: `unix://${engine.socket}`,
    STARLING_SOCKET: agent.api.socket,
  };
  // Debian has compose as a command of its own, and looks for other file names.
  const command = step.command.replace("docker compose", "docker-compose -f compose.yaml");
  const script = `cd ${join(host.folder, "walk")} && ${command}`;
  const words = [...engine.enter, "sh", "-c", script];
  const { code, stdout, stderr } = await attempt(words, { env, withinMs: 60_000 });
  const told = `${step.host}# ${step.command}\n${stdout}${stderr}`;
  if (process.env["STARLING_WALK"] !== undefined) console.log(told);
  assert.equal(code, 0, told);
  for (const line of step.printed) assert.ok(stdout.includes(line), told);
}
