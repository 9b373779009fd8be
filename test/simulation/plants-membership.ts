/** Planted bugs in who is there, and in how those who are apart find each other again. */
import { Contacts } from "../../agent/contacts.ts";
import type { Effect } from "../../agent/effect.ts";
import { Dialer } from "../../membership/dialer.ts";
import { Liveness } from "../../membership/liveness.ts";
import type { Plant } from "./plants.ts";

export const membershipPlants: readonly Plant[] = [
  {
    name: "never-again",
    row: "2.1 #4: who is unreachable is not dialled any more",
    plant: ({ patch }) =>
      patch(Dialer.prototype, "tick", (original) => {
        return function tick(this: Dialer, targets, { company }, now) {
          const near = targets.filter(({ need }) => need !== "unreachable");
          const seeds = targets.length === 0 ? ["10.0.1.1:7790"] : [];
          return original.call(this, near, { seeds, company }, now);
        };
      }),
  },
  {
    name: "address-pruned",
    row: "2.1 #4: the address of who fails is forgotten",
    plant: ({ patch }) =>
      patch(Contacts.prototype, "linkDown", (original) => {
        return function linkDown(this: Contacts, host, reason, now) {
          original.call(this, host, reason, now);
          this.forget(host);
        };
      }),
  },
  {
    name: "death-not-seen",
    row: "L3: an open connection counts as an answer",
    plant: ({ patch }) => patch(Liveness.prototype, "linkDown", () => () => []),
  },
  {
    name: "own-pause-blamed-on-others",
    row: "2.1 #10: who slept accuses those who waited",
    plant: ({ patch }) =>
      patch(Liveness.prototype, "tick", (original) => {
        const last = new WeakMap<Liveness, number>();
        return function tick(this: Liveness, now) {
          const effects: ReturnType<Liveness["tick"]> = [];
          for (let at = (last.get(this) ?? now) + 250; at < now; at += 250)
            effects.push(...original.call(this, at));
          last.set(this, now);
          return [...effects, ...original.call(this, now)];
        };
      }),
  },
  {
    name: "suspects-removed",
    row: "2.1 #5: the records of who is unreachable leave the kernel",
    plant: ({ twist }) =>
      twist((host, effect) => {
        const isLoss =
          effect.kind === "event" &&
          effect.event.kind === "member" &&
          effect.event.member.state === "unreachable";
        if (!isLoss) return [effect];
        const { vtep } = effect.event.member;
        const ops = host.kernel
          .vnis()
          .flatMap((vni) =>
            [...host.kernel.remotes(vni).values()]
              .filter((remote) => remote.vtep === vtep)
              .map(({ mac }) => ({ kind: "remote-remove", vni, mac }) as const),
          );
        host.kernel.apply(ops);
        const apply: Effect = { kind: "apply", ops };
        return ops.length === 0 ? [effect] : [effect, apply];
      }),
  },
];
