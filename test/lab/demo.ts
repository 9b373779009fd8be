/**
 * `npm run demo`: the main job on simulated hosts with real agents and real kernels, told as a
 * story.
 */
import { parseArgs } from "node:util";
import type { NetworkView } from "../../agent/view.ts";
import { describeError } from "../../base/errors.ts";
import { type Agent, starling } from "./agent.ts";
import { becomes, sees } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { enterLab, wayIn } from "./enter.ts";
import type { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import { drawHosts } from "./picture.ts";
import type { Ping } from "./ping.ts";
import { paint, Story, seconds } from "./story.ts";
import { withOtherSecret } from "./token.ts";

const usage = `usage: npm run demo [-- --keep]
  --keep  leave hosts and agents running after the story, until Ctrl-C`;

const subnet = "10.32.0.0/16";
const names = { a: "db", b: "api", c: "cache" } as const;
const story = new Story();

type Cast = { readonly agents: readonly Agent[]; readonly endpoints: Endpoint[] };

async function main(): Promise<number> {
  const isKept = readFlags();
  if (isKept === undefined) return 2;
  await enterLab();
  story.title("Starling: endpoints on different hosts, on one wire, with no controller");
  await using lab = await makeHosts();
  const agents = [await found(lab.host("a"))];
  await joinOthers(lab, agents);
  const endpoints = await connect(agents);
  const cast = { agents, endpoints };
  await pingAll(cast);
  await loseAndRegain(cast);
  await showKernels(lab, cast);
  const code = story.end();
  if (isKept) await keep(lab, agents);
  return code;
}

function readFlags(): boolean | undefined {
  try {
    const { values } = parseArgs({
      options: { keep: { type: "boolean" }, help: { type: "boolean" } },
    });
    if (values.help !== true) return values.keep ?? false;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${usage}\n`);
    return undefined;
  }
}

async function makeHosts(): Promise<Lab> {
  story.step(
    "Three hosts",
    "Each is a network namespace with its own kernel tables, wired to one bridge. All of it stands in a namespace of this demo's own, so nothing reaches your machine.",
  );
  const lab = await story.doing("making hosts a, b and c", () =>
    Lab.open({ hosts: ["a", "b", "c"] }),
  );
  story.tell(lab.hosts.map((host) => `host ${host.name} at ${host.address}`).join(", "));
  return lab;
}

async function found(host: Host): Promise<Agent> {
  story.step(
    "The first agent founds a cluster",
    "An agent without a seed makes a cluster of one, and a token that lets others in.",
  );
  const agent = host.startAgent();
  await story.doing("starling agent, on host a", () => agent.ready());
  const { command } = await agent.json<{ command: string }>("token");
  story.tell(paint("cyan", command));
  return agent;
}

async function joinOthers(lab: Lab, agents: Agent[]): Promise<void> {
  const [first] = agents;
  if (first === undefined) return;
  story.step(
    "The others join by one seed address",
    "Seed and token are all they need; from then on every agent knows every other, and none is special.",
  );
  const token = await first.token();
  const seed = first.host.address;
  const stranger = lab.host("b").startAgent({ join: [seed], token: withOtherSecret(token) });
  const refused = await story.doing("host b tries a wrong token first", () => stranger.exited);
  story.claim(
    "a wrong token is refused",
    refused.code !== 0 && (await first.api.members()).length === 1,
  );
  for (const name of ["b", "c"]) {
    const agent = lab.host(name).startAgent({ join: [seed], token });
    agents.push(agent);
    await story.doing(`starling agent --join ${seed} --token ..., on host ${name}`, () =>
      agent.ready(),
    );
  }
  await story.doing("waiting until each sees all three", () =>
    Promise.all(agents.map((agent) => sees(agent, agents.length))),
  );
  const roots = await Promise.all(agents.map(async ({ api }) => (await api.status()).cluster));
  story.claim("three hosts, one cluster", new Set(roots).size === 1);
}

async function connect(agents: readonly Agent[]): Promise<Endpoint[]> {
  story.step(
    "One network, one endpoint on each host",
    "An endpoint is an interface in a container's namespace. Which host it is on is gossiped to all, and each kernel gets a forwarding entry: its Ethernet address leaves by VXLAN to that host.",
  );
  const [first] = agents;
  if (first === undefined) return [];
  await story.doing(`starling network create web --subnet ${subnet}, on host a`, () =>
    first.json<NetworkView>("network", "create", "web", "--subnet", subnet, "--wait"),
  );
  const endpoints: Endpoint[] = [];
  for (const agent of agents) endpoints.push(await attach(agent, nameFor(agent.host)));
  return endpoints;
}

async function attach(agent: Agent, name: string): Promise<Endpoint> {
  const { host } = agent;
  const endpoint = await story.doing(
    `starling endpoint add --name ${name}, on host ${host.name}`,
    () => host.endpoint(agent, { network: "web", name }),
  );
  const { wait } = endpoint;
  const programmed = wait?.programmed.map((ref) => ref.name).join(", ") ?? "nobody";
  const after = wait === undefined ? "" : ` after ${seconds(wait.ms)}`;
  story.tell(`${name} is ${endpoint.address}; in the kernels of ${programmed}${after}`);
  return endpoint;
}

async function pingAll({ endpoints }: Cast): Promise<void> {
  story.step(
    "Everyone pings everyone",
    "Each ping leaves a container on one host, crosses the tunnel, and reaches a container on another.",
  );
  for (const from of endpoints) {
    for (const to of endpoints) {
      if (from === to) continue;
      const { sent, received, rttMs } = await from.ping(to);
      const rtt = rttMs === undefined ? "no answer" : `${rttMs.toFixed(2)} ms`;
      const pair = `${from.name} (host ${from.view.host.name}) to ${to.name} (host ${to.view.host.name})`;
      story.claim(`${pair}: ${received} of ${sent} answered, ${rtt}`, received === sent);
    }
  }
}

async function loseAndRegain(cast: Cast): Promise<void> {
  const [a, b, c] = cast.agents;
  const [db, api, cache] = cast.endpoints;
  if (!a || !b || !c || !db || !api || !cache) return;
  story.step(
    "Host c's agent is killed, with kill -9",
    "The tunnels are the kernels', not the agents'. Pings every 10 ms between all three run from here to the end of the next step; none may go missing.",
  );
  await using stack = new AsyncDisposableStack();
  const routes = [
    [db, cache],
    [api, cache],
    [cache, db],
    [db, api],
  ] as const;
  const pings = routes.map(([from, to]) => stack.use(from.startPing(to)));
  await Promise.all(pings.map((ping) => ping.answered(10)));
  await c.kill();
  await story.doing("waiting until a and b say that c is unreachable", () =>
    Promise.all([a, b].map((agent) => becomes(agent, { name: "c", state: "unreachable" }))),
  );
  await Promise.all(pings.map((ping) => ping.answered(20)));
  story.claim("host c's endpoint still answers: its kernel goes on forwarding", true);
  const web = await attach(a, "web");
  cast.endpoints.push(web);
  story.claim(
    "a change while c is away is waited for on the hosts that are there, and c is named",
    web.wait?.unreachable.map((ref) => ref.name).join() === "c",
  );
  await comeBack({ a, b, c, cache, web, pings, routes });
}

async function comeBack(act: {
  readonly a: Agent;
  readonly b: Agent;
  readonly c: Agent;
  readonly cache: Endpoint;
  readonly web: Endpoint;
  readonly pings: readonly Ping[];
  readonly routes: readonly (readonly [Endpoint, Endpoint])[];
}): Promise<void> {
  const { a, b, c, cache, web } = act;
  story.step(
    "Host c's agent comes back",
    "No seed, no token: it remembers its cluster. It adopts what its kernel holds and fetches what it missed.",
  );
  await story.doing("starling agent, on host c", () => c.restart());
  await story.doing("waiting until all see c alive", () =>
    Promise.all([a, b].map((agent) => becomes(agent, { name: "c", state: "alive" }))),
  );
  await story.doing("waiting until c knows the endpoint made meanwhile", () =>
    c.eventually("web known and in the kernel", async (api) =>
      (await api.endpoints()).some(({ id, state }) => id === web.view.id && state === "up"),
    ),
  );
  const late = await cache.ping(web);
  story.claim(
    `cache reaches web, made while c was away: ${late.received} of ${late.sent}`,
    late.received === late.sent,
  );
  for (const [at, ping] of act.pings.entries()) {
    const [from, to] = act.routes[at] ?? [];
    const { sent, received } = await ping.stop();
    story.claim(
      `${from?.name} to ${to?.name} all the while: ${sent} sent, ${sent - received} lost`,
      sent > 0 && sent === received,
    );
  }
  const roots = await Promise.all(
    [a, b, c].map(async ({ api }) => (await api.status()).store.root),
  );
  story.claim("all three hold the same map", new Set(roots).size === 1);
}

async function showKernels(lab: Lab, { agents, endpoints }: Cast): Promise<void> {
  story.step(
    "What the kernels hold now",
    "Read with ip and bridge on each host, not from the agents: every remote endpoint has its entry.",
  );
  story.tell(await drawHosts(lab.hosts, endpoints));
  const views = await Promise.all(agents.map(({ api }) => api.status()));
  story.claim(
    "every agent says its kernel equals the map",
    views.every(({ kernel }) => kernel.isInSync),
  );
}

async function keep(lab: Lab, agents: readonly Agent[]): Promise<void> {
  story.title("All of it stays until Ctrl-C. From another terminal:");
  for (const host of lab.hosts) story.tell(`on host ${host.name}:  ${wayIn(host.name)}`);
  story.tell(`in the container db of host a:  ${wayIn("a-db")}`);
  const [first] = agents;
  story.tell(`then, on host a:  ${starling} --socket ${first?.api.socket} members`);
  story.tell("others to try: endpoint ls, network ls, status, watch");
  await new Promise(() => setInterval(() => undefined, 2 ** 30));
}

function nameFor(host: Host): string {
  return names[host.name as keyof typeof names];
}

try {
  process.exitCode = await main();
} catch (error) {
  story.claim(describeError(error), false);
  story.end();
  process.exitCode = 1;
}
