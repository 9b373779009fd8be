import { execFileSync } from "node:child_process";
import { type Finding, judge } from "./rule.ts";
import {
  importsOf,
  lineOf,
  type Module,
  modules,
  type Node,
  nameOf,
  productModules,
  walk,
} from "./syntax.ts";
import { folderOf, isCore, root, textFiles } from "./tree.ts";

/** Where somebody keeps their own things. A virtual machine's user is everybody's. */
const machinePlaces = [/\/(?:home|Users|work)\/(?!vagrant\b)[\w.-]+/, /\/root\/[\w.-]+/];
/** The registry this machine's npm asks: wherever that is, nobody else needs to know. */
const registry = new URL(execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }));

/** Functions of node:child_process that hand their text to a shell. */
const shellCalls = ["exec", "execSync"];

judge("safety", [
  {
    claim: "no program is started through a shell",
    reason:
      "Names that operators and peers choose would become commands. Use execFile or spawn with an " +
      "array of arguments.",
    *findings() {
      for (const module of modules) {
        yield* [...shellImports(module), ...shellOptions(module)];
      }
    },
  },
  {
    claim: "the daemon says what it does through its log",
    reason:
      "A line on the console has no level, no namespace and no field to search for. Take a Log; " +
      "the command line, benches and tests speak to people and may write.",
    *findings() {
      for (const module of productModules.filter(({ path }) => folderOf(path) !== "cli")) {
        if (isCore(module.path)) continue;
        for (const { node } of walk(module.program)) {
          const isCall = node.type === "MemberExpression" && nameOf(node["object"]) === "console";
          if (isCall) yield { path: module.path, line: lineOf(node), what: "console" };
        }
      }
    },
  },
  {
    claim: "no file knows whose machine it was written on",
    reason: "A path or a host name of one machine is wrong on every other one.",
    *findings() {
      for (const { path, lines } of textFiles) {
        for (const [at, line] of lines.entries()) {
          const places = machinePlaces.flatMap((place) => place.exec(line) ?? []);
          const found = [root, registry.hostname].filter((place) => line.includes(place));
          for (const what of [...places, ...found]) yield { path, line: at + 1, what };
        }
      }
    },
  },
  {
    claim: "a test that is skipped says why",
    reason: "A skip without a reason is a test nobody knows is missing. Print one line before it.",
    *findings() {
      for (const module of modules.filter(({ path }) => folderOf(path) === "test")) {
        for (const { node } of walk(module.program)) {
          const isSkip = node.type === "MemberExpression" && nameOf(node["property"]) === "skip";
          const isBare = isSkip && ["it", "describe"].includes(nameOf(node["object"]) ?? "");
          const isCrossed =
            node.type === "CallExpression" && /^x(it|describe)$/.test(nameOf(node["callee"]) ?? "");
          if (isBare || isCrossed) yield { path: module.path, line: lineOf(node), what: "skipped" };
        }
      }
    },
  },
]);

function* shellImports(module: Module): Generator<Finding> {
  for (const { from, names, line } of importsOf(module)) {
    const isRisky = names.some((name) => shellCalls.includes(name));
    if (from !== "node:child_process" || !isRisky) continue;
    yield { path: module.path, line, what: `imports ${names.join(", ")}` };
  }
}

function* shellOptions(module: Module): Generator<Finding> {
  for (const { node } of walk(module.program)) {
    if (node.type !== "ObjectProperty" || nameOf(node["key"]) !== "shell") continue;
    if ((node["value"] as Node)["value"] !== true) continue;
    yield { path: module.path, line: lineOf(node), what: "shell: true" };
  }
}
