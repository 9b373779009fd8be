/** Hosts that are taken out, or go, in the middle of everything else that happens. */
import { pick } from "../../base/random.ts";
import type { Cluster } from "./cluster.ts";
import { happens } from "./dice.ts";
import type { SimulatedHost } from "./host.ts";

/** Perhaps somebody leaves, or is forgotten. */
export function removalStep(
  cluster: Cluster,
  { leaves, forgets }: { readonly leaves: boolean; readonly forgets: boolean } = both,
): void {
  if (leaves && happens(cluster.random, 8)) leaveOne(cluster);
  if (forgets && happens(cluster.random, 8)) forgetOne(cluster);
}

const both = { leaves: true, forgets: true };

/** Only who is off is forgotten: one that runs on unheard is what nobody can cover. */
function forgetOne(cluster: Cluster): void {
  const down = cluster.hosts.filter((host) => !host.isUp);
  const host = pick(cluster.random, down);
  const up = cluster.hosts.filter((each) => each.isUp && !cluster.retired.has(each));
  const by = pick(cluster.random, up);
  if (host === undefined || by === undefined || (up.length < 3 && !cluster.retired.has(host)))
    return;
  cluster.does(cluster.retired.has(host) ? "forgotten again" : "forgotten", host);
  cluster.retire(host);
  const name = `host-${host.n}`;
  cluster.ask(by, { kind: "forget", host: name, isForced: true, waitMs: undefined }, (answer) => {
    if (answer.kind !== "forgotten") return;
    cluster.mark(`forgotten: ${answer.forgotten.addresses}`);
    if (happens(cluster.random, 30)) forgetElsewhere(cluster, host);
  });
}

/** Two operators say the same on two hosts, which may not hear each other. */
function forgetElsewhere(cluster: Cluster, host: SimulatedHost): void {
  const by = pick(
    cluster.random,
    cluster.hosts.filter((each) => each.isUp && !cluster.retired.has(each)),
  );
  const name = `host-${host.n}`;
  if (by === undefined) return;
  cluster.mark("forgotten on two hosts");
  cluster.ask(by, { kind: "forget", host: name, isForced: true, waitMs: undefined });
}

function leaveOne(cluster: Cluster): void {
  const up = cluster.hosts.filter((each) => each.isUp && !cluster.retired.has(each));
  const host = pick(cluster.random, up);
  if (host === undefined || up.length < 3) return;
  cluster.does("asked to leave", host);
  cluster.leaving.add(host);
  cluster.asked.add(host);
  cluster.withdrawAll(host);
  cluster.ask(host, { kind: "leave", isForced: true, waitMs: 5_000 }, (answer) => {
    if (answer.kind !== "left") return;
    if (answer.obstacle === undefined) cluster.leaving.delete(host);
    cluster.mark(answer.obstacle === undefined ? "left" : "leave waits");
  });
}
