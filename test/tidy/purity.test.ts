import { judge } from "./rule.ts";
import {
  bindingsOf,
  isFunction,
  isValueReference,
  lineOf,
  nameOf,
  productModules,
  walk,
} from "./syntax.ts";
import { isCore } from "./tree.ts";

const core = productModules.filter(({ path }) => isCore(path));

/** What the world hands to a program behind its back, and where it comes from instead. */
const ambient: Readonly<Record<string, string>> = {
  Date: "take `now` as a parameter, or a Clock",
  performance: "take `now` as a parameter, or a Clock",
  setTimeout: "keep a deadline in a field and compare it with `now`",
  setInterval: "keep a deadline in a field and compare it with `now`",
  setImmediate: "return an effect",
  queueMicrotask: "return an effect",
  Promise: "return an effect; its completion comes back as an input",
  process: "take a field of Config",
  console: "take a Log",
  fetch: "return an effect",
  crypto: "take a Crypto or a Random",
  Buffer: "use Uint8Array and base/bytes.ts",
  globalThis: "nothing global belongs here",
};

judge("core files", [
  {
    claim: "never wait",
    reason:
      "A core file lies directly in a domain folder and thinks. Every input is a call that runs to " +
      "its end, so that one seed replays a whole cluster. Return an effect, and take its completion " +
      "as an input; what acts lies in a subfolder named after a technology.",
    *findings() {
      for (const module of core) {
        for (const { node } of walk(module.program)) {
          const isAsync = isFunction(node) && node["async"] === true;
          const isWait = node.type === "AwaitExpression" || node["await"] === true;
          if (isAsync || isWait) {
            yield { path: module.path, line: lineOf(node), what: isAsync ? "async" : "await" };
          }
        }
      }
    },
  },
  {
    claim: "read no clock, draw no chance, and touch nothing ambient",
    reason:
      "Time and chance are parameters of a core file: that is what makes it run the same in the " +
      "agent, in a test and in the simulation.",
    *findings() {
      for (const module of core) {
        const own = bindingsOf(module);
        for (const visit of walk(module.program)) {
          const name = nameOf(visit.node) ?? "";
          if (!isValueReference(visit) || !Object.hasOwn(ambient, name) || own.has(name)) continue;
          yield { path: module.path, line: lineOf(visit.node), what: `${name}: ${ambient[name]}` };
        }
      }
    },
  },
  {
    claim: "draw no chance from Math",
    reason: "Chance comes from a Random: the operating system's in the agent, a seed's in a test.",
    *findings() {
      for (const module of core) {
        for (const { node } of walk(module.program)) {
          const isMember = node.type === "MemberExpression";
          if (!isMember || nameOf(node["object"]) !== "Math") continue;
          if (nameOf(node["property"]) === "random") {
            yield { path: module.path, line: lineOf(node), what: "Math.random" };
          }
        }
      }
    },
  },
]);
