/** Hosts that are revoked in the middle of everything else that happens. */
import { pick } from "../../base/random.ts";
import { nothing } from "../../store/head.ts";
import type { Cluster } from "./cluster.ts";
import { happens } from "./dice.ts";

/**
 * Perhaps an admin revokes a host, which may be up, down or cut off, and may have granted what the
 * admin has not heard of. At most a third, so that the others are worth looking at.
 */
export function revokeStep(cluster: Cluster): void {
  const { random, hosts, revoked } = cluster;
  if (!happens(random, 4)) return;
  const [admin, ...others] = hosts;
  const host = pick(random, others);
  const isMost = revoked.size + 1 > hosts.length / 3;
  if (admin === undefined || host === undefined || !admin.isUp || isMost) return;
  // What the admin has not heard of counts no more; a slow one may hear of more meanwhile.
  cluster.witness.revoke(host.id, cluster.witness.view(admin.id).heads.get(host.id) ?? nothing);
  cluster.withdrawAll(host);
  revoked.add(host);
  const command = { kind: "revoke", host: `host-${host.n}`, isForced: false } as const;
  cluster.ask(admin, command, (answer) => {
    if (answer.kind === "host") cluster.does(answer.isNew ? "revoked" : "revoked again", host);
  });
}
