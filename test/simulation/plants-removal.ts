/** Bugs around hosts that go and what they leave, each of which breaks a rule of ledgers. */
import { Forgetting } from "../../agent/forgetting.ts";
import type { Progress } from "../../agent/settlement.ts";
import type { Plant } from "./plants.ts";

const none: readonly never[] = [];

export const removalPlants: readonly Plant[] = [
  {
    name: "hasty heirs",
    row: "weave #2810: rmpeer hands on what others still hold grants of",
    plant: ({ patch }) =>
      patch(Forgetting.prototype, "progress", (original) => {
        return function progress(this: Forgetting, host): Progress | undefined {
          const known = original.call(this, host);
          return known?.kind === "frozen" ? { ...known, waitingFor: none } : known;
        };
      }),
  },
];
