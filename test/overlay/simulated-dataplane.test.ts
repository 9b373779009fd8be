import { MeshError } from "../../base/errors.ts";
import { dataplaneContract } from "../contract/dataplane.ts";
import { Kernel } from "../simulation/kernel.ts";

dataplaneContract("the simulated kernel", async () => {
  const kernel = new Kernel();
  return {
    nowhere: "/run/netns/nowhere",
    addNamespace: async (name) => {
      kernel.addNamespace(`/run/netns/${name}`);
      return `/run/netns/${name}`;
    },
    close: async () => undefined,
    dataplane: {
      read: async () => kernel.read(),
      apply: async (ops) => {
        kernel.apply(ops);
        return [];
      },
      attach: async (attachment) => {
        const outcome = kernel.attach(attachment);
        if ("refusal" in outcome)
          throw new MeshError(outcome.refusal.code, outcome.refusal.message);
        return outcome;
      },
      netnsInode: async (path) => kernel.namespaces.get(path)?.inode,
    },
  };
});
