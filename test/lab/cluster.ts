import type { MemberState } from "../../agent/view.ts";
import type { Agent, AgentOptions } from "./agent.ts";
import type { Endpoint, EndpointOptions } from "./endpoint.ts";
import type { Lab } from "./lab.ts";

/** The agents of a lab's hosts, and what an operator does with them. */
export class Cluster {
  readonly agents: readonly Agent[];

  constructor(agents: readonly Agent[]) {
    this.agents = agents;
  }

  agent(host: string): Agent {
    const agent = this.agents.find((candidate) => candidate.host.name === host);
    if (agent === undefined) throw new Error(`host ${host} runs no agent`);
    return agent;
  }

  /** Creates a network on the first host and waits for all. */
  async network(name: string, subnet: string): Promise<void> {
    const flags = ["--subnet", subnet, "--wait"];
    await this.agents[0]?.cli("network", "create", name, ...flags);
  }

  async endpoint(host: string, options: EndpointOptions): Promise<Endpoint> {
    const agent = this.agent(host);
    return agent.host.endpoint(agent, options);
  }

  /** The fingerprint of the map each agent holds: one value where all agree. */
  async roots(): Promise<ReadonlySet<string>> {
    return new Set(
      await Promise.all(this.agents.map(async ({ api }) => (await api.status()).store.root)),
    );
  }
}

/** Founds a cluster on the lab's first host and lets every other host join it by that one seed. */
export async function formCluster(lab: Lab, options: AgentOptions = {}): Promise<Cluster> {
  const [first, ...others] = lab.hosts;
  if (first === undefined) throw new Error("a cluster needs a host");
  const founder = await first.startAgent(options).ready();
  const token = await founder.token();
  const joined = await Promise.all(
    others.map((host) => host.startAgent({ ...options, join: [first.address], token }).ready()),
  );
  const agents = [founder, ...joined];
  await Promise.all(agents.map((agent) => sees(agent, agents.length)));
  return new Cluster(agents);
}

/** Resolves when the agent counts this many members alive, itself included. */
export async function sees(agent: Agent, alive: number, withinMs = 10_000): Promise<void> {
  await agent.eventually(
    `${alive} members alive`,
    async (api) => {
      const members = await api.members();
      return members.filter((member) => member.state === "alive").length === alive;
    },
    withinMs,
  );
}

/** Resolves when the agent says this of a member. */
export async function becomes(
  agent: Agent,
  member: { readonly name: string; readonly state: MemberState },
  withinMs = 10_000,
): Promise<void> {
  await agent.eventually(
    `${member.name} is ${member.state}`,
    async (api) =>
      (await api.members()).some(
        ({ name, state }) => name === member.name && state === member.state,
      ),
    withinMs,
  );
}
