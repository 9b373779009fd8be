import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { manifest } from "./manifest.ts";
import { judge } from "./rule.ts";
import { type Import, importsOf, modules, productModules } from "./syntax.ts";
import { compositionRoot, domains, folderOf, isCore } from "./tree.ts";

const shipped = Object.keys(manifest.dependencies);
const development = Object.keys(manifest.devDependencies);

/** A row of DESIGN.md's table: who, and what it may import besides its own folder. */
type Row = {
  readonly who: string;
  readonly is: (path: string) => boolean;
  /** Modules of ours, by path. */
  readonly ours: (target: string, from: string) => boolean;
  /** Modules of ours of which it may know the types: it is handed what others build. */
  readonly types?: (target: string) => boolean;
  /** npm packages; `node` stands for Node's own modules. */
  readonly packages: readonly string[] | "any";
};

const isDomain = (path: string): boolean => (domains as readonly string[]).includes(folderOf(path));
const isCoreOf = (folder: string, path: string): boolean =>
  isCore(path) && folderOf(path) === folder;

const isAdapterOf = (folder: string, path: string): boolean =>
  folderOf(path) === folder && !isCore(path) && path !== compositionRoot;

/** The first row that fits a file is its row. */
const table: readonly Row[] = [
  {
    who: "base (core)",
    is: (path) => isCoreOf("base", path),
    ours: (target) => isCoreOf("base", target),
    // One canonical encoding, one parser of addresses, one of shapes: all pure, all hard to get
    // right.
    packages: ["cborg", "ipaddr.js", "valibot"],
  },
  {
    who: "a domain's core",
    is: (path) => isCore(path) && isDomain(path),
    ours: (target, from) => isCoreOf("base", target) || isCoreOf(folderOf(from), target),
    packages: ["valibot"],
  },
  {
    who: "the CNI plugin, a process of its own",
    is: (path) => path.startsWith("plugins/cni/"),
    ours: (target) =>
      isCoreOf("base", target) ||
      isCoreOf("plugins", target) ||
      /^(plugins\/cni|agent\/control)\//.test(target),
    types: (target) => target === "agent/view.ts",
    packages: "any",
  },
  {
    who: "a plugin",
    is: (path) => folderOf(path) === "plugins",
    ours: (target, from) =>
      folderOf(target) === "base" ||
      isCoreOf("plugins", target) ||
      dirname(target) === dirname(from),
    // It is handed the desk, and knows what may be asked there.
    types: (target) => target === "agent/command.ts" || target === "agent/view.ts",
    packages: "any",
  },
  {
    who: "the agent's core",
    is: (path) => isCoreOf("agent", path),
    ours: (target) => isCore(target),
    packages: ["valibot"],
  },
  {
    who: "the composition root",
    is: (path) => path === compositionRoot,
    ours: (target) => ["base", ...domains, "agent"].includes(folderOf(target)),
    packages: "any",
  },
  {
    who: "agent/control and the agent's other adapters",
    is: (path) => folderOf(path) === "agent",
    ours: (target) => folderOf(target) === "base" || isCore(target) || isAdapterOf("agent", target),
    types: (target) => isDomain(target),
    packages: "any",
  },
  {
    who: "an adapter",
    is: (path) => folderOf(path) === "base" || isDomain(path),
    ours: (target, from) =>
      folderOf(target) === "base" ||
      isCoreOf(folderOf(from), target) ||
      dirname(target) === dirname(from),
    packages: "any",
  },
  {
    who: "the command line",
    is: (path) => folderOf(path) === "cli",
    // Of the agent itself only what it answers and what its defaults are; nothing of how it works.
    ours: (target) =>
      isCoreOf("base", target) ||
      /^(cli|agent\/control|agent\/settings)\//.test(target) ||
      target === "agent/config.ts",
    types: (target) => target === "agent/view.ts",
    packages: "any",
  },
  {
    who: "the dashboard",
    is: (path) => folderOf(path) === "dashboard",
    ours: (target) => /^(dashboard|agent\/control)\//.test(target),
    packages: [],
  },
];

judge("imports", [
  {
    claim: "follow the table of DESIGN.md, section 3",
    reason:
      "Folders form a star: siblings never import each other, only the composition root builds " +
      "adapters, and the command line speaks to agent/control. What two domains do together is " +
      "the agent's to say.",
    *findings() {
      for (const edge of edges()) {
        const { path, line, from, row } = edge;
        if (isAllowed(edge) || isLazyAgent(path, from)) continue;
        yield { path, line, what: `(${row.who}) imports ${from}` };
      }
    },
  },
  {
    claim: "stand at the top of a file, but for what a command loads",
    reason:
      "An import at run time hides an edge of the table. Only the command line loads the part it " +
      "was asked for, so that `--help` does not pay for libp2p.",
    *findings() {
      for (const { path, line, from, isDynamic } of edges()) {
        if (isDynamic && folderOf(path) !== "cli") yield { path, line, what: `imports ${from}` };
      }
    },
  },
  {
    claim: "are of packages that package.json names, each for whom it is there",
    reason:
      "A package that came with another one may leave with it. What we ship needs `dependencies`; " +
      "tests and benches may use `devDependencies` too.",
    *findings() {
      for (const module of modules) {
        const known = productModules.includes(module) ? shipped : [...shipped, ...development];
        for (const { from, line } of importsOf(module)) {
          const name = packageOf(from);
          if (name === undefined || known.includes(name)) continue;
          yield { path: module.path, line, what: `imports ${from}` };
        }
      }
    },
  },
  {
    claim: "leave no package of package.json out",
    reason: "A dependency that nobody imports is weight and risk for nothing: npm uninstall it.",
    *findings() {
      const used = new Set(edges().map(({ from }) => packageOf(from)));
      for (const name of shipped) if (!used.has(name)) yield { path: "package.json", what: name };
    },
  },
]);

type Edge = Import & { readonly path: string; readonly row: Row };

function edges(): Edge[] {
  return productModules.flatMap((module) => {
    const row = table.find(({ is }) => is(module.path));
    if (row === undefined) throw new Error(`the table has no row for ${module.path}`);
    return importsOf(module).map((each) => ({ ...each, path: module.path, row }));
  });
}

function isAllowed({ row, path, from, isType }: Edge): boolean {
  if (!from.startsWith(".")) {
    return row.packages === "any" || row.packages.includes(packageOf(from) ?? "node");
  }
  const target = join(dirname(path), from);
  return row.ours(target, path) || (isType && row.types?.(target) === true);
}

function isLazyAgent(path: string, from: string): boolean {
  return folderOf(path) === "cli" && join(dirname(path), from) === compositionRoot;
}

/** `@libp2p/tcp` for `@libp2p/tcp/filters`; undefined for Node's own modules and for ours. */
function packageOf(from: string): string | undefined {
  if (from.startsWith(".") || isBuiltin(from)) return undefined;
  return from
    .split("/")
    .slice(0, from.startsWith("@") ? 2 : 1)
    .join("/");
}
