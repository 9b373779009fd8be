import { join } from "node:path";
import { judge } from "./rule.ts";
import { isFunction, lineOf, modules, type Node, nameOf, productModules, walk } from "./syntax.ts";
import { isCore, textFiles } from "./tree.ts";

const maxFileLines = 400;
const maxFunctionLines = 50;
const maxPortMethods = 6;
const maxWidth = 100;
const maxCommentLines = 12;

/** The interfaces between what thinks and what acts; each has one contract suite. */
const ports = [
  "Clock",
  "Random",
  "Crypto",
  "Log",
  "Transport",
  "Journal",
  "Dataplane",
  "Desk",
  "Oracle",
  "NameServer",
];

judge("the shape of the code", [
  {
    claim: `has no file over ${maxFileLines} lines`,
    reason: "A file holds one idea; a longer one holds two. Split it where the second begins.",
    *findings() {
      for (const { path, lines } of modules) {
        if (lines.length - 1 > maxFileLines) yield { path, what: `${lines.length - 1} lines` };
      }
    },
  },
  {
    claim: `has no function over ${maxFunctionLines} lines`,
    reason:
      "A function is read in one look. Name its steps. What holds the claims of a test, a `describe` " +
      "or a part of a contract suite, is a chapter and no function in this sense.",
    *findings() {
      for (const { path, program } of modules) {
        for (const { node } of walk(program)) {
          const length = node.loc.end.line - node.loc.start.line + 1;
          if (!isFunction(node) || length <= maxFunctionLines || isChapter(node)) continue;
          yield {
            path,
            line: lineOf(node),
            what: `${nameOf(node) ?? "function"}: ${length} lines`,
          };
        }
      }
    },
  },
  {
    claim: `has no line over ${maxWidth} columns`,
    reason:
      "Two files fit side by side. Biome breaks code; comments are for us to break. What cannot be " +
      "broken does not count: a text that people read and search for, a picture in a comment.",
    *findings() {
      for (const { path, lines, program } of modules) {
        const texts = textsByLine(program);
        for (const [at, line] of lines.entries()) {
          const isPicture = /^\s*\* ( {2,}|.*\S {2,}\S)/.test(line);
          if (isPicture || line.length - (texts.get(at + 1) ?? 0) <= maxWidth) continue;
          yield { path, line: at + 1, what: `${line.length} columns` };
        }
      }
    },
  },
  {
    claim: `has no comment over ${maxCommentLines - 2} lines`,
    reason: "A comment that long belongs in docs/, with a line here that points to it.",
    *findings() {
      for (const { path, comments } of modules) {
        for (const comment of comments) {
          const length = comment.loc.end.line - comment.loc.start.line + 1;
          if (length > maxCommentLines)
            yield { path, line: lineOf(comment), what: `${length} lines` };
        }
      }
    },
  },
  {
    claim: "says what every export is",
    reason:
      "A reader of an import sees the name and its `/** */`, and should need no more. Say why it " +
      "is, or what must stay true of it.",
    *findings() {
      for (const { path, program } of productModules) {
        for (const node of program["body"] as readonly Node[]) {
          if (node.type !== "ExportNamedDeclaration" || node["declaration"] === null) continue;
          const isDocumented = node.leadingComments?.some(({ value }) => value.startsWith("*"));
          if (!isDocumented) yield { path, line: lineOf(node), what: exportedName(node) };
        }
      }
    },
  },
  {
    claim: "has tests in the mirror folder that run every core file that does something",
    reason:
      "test/ mirrors the tree: who changes store/digest.ts looks into test/store. What no test there " +
      "imports, itself or by what it imports, nobody has tried.",
    *findings() {
      const reached = new Map<string, ReadonlySet<string>>();
      for (const { path, program } of productModules) {
        if (!isCore(path) || ![...walk(program)].some(({ node }) => isFunction(node))) continue;
        const folder = `test/${path.split("/")[0]}/`;
        const paths = reached.get(folder) ?? importedFrom(folder);
        reached.set(folder, paths);
        if (!paths.has(path)) yield { path, what: `is run by no test in ${folder}` };
      }
    },
  },
  {
    claim: `has no port with more than ${maxPortMethods} methods`,
    reason: "When a seventh is wanted, the port is two ports.",
    *findings() {
      for (const { path, program } of productModules) {
        for (const { node } of walk(program)) {
          if (node.type !== "TSInterfaceDeclaration" || !ports.includes(nameOf(node) ?? ""))
            continue;
          const body = (node["body"] as { readonly body: readonly Node[] }).body;
          const methods = body.filter(({ type }) => type === "TSMethodSignature").length;
          if (methods <= maxPortMethods) continue;
          yield { path, line: lineOf(node), what: `${nameOf(node)}: ${methods} methods` };
        }
      }
    },
  },
  {
    claim: "has no unfinished business",
    reason: "What is left to do is an issue, where it is seen, and not a note in the code.",
    *findings() {
      // Put together here, so that this file does not find itself.
      const notes = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b`);
      for (const { path, lines } of textFiles) {
        for (const [at, line] of lines.entries()) {
          const [note] = notes.exec(line) ?? [];
          if (note !== undefined) yield { path, line: at + 1, what: note };
        }
      }
    },
  },
]);

/** Whether the function's own statements are claims, or chapters with claims. */
function isChapter(node: Node): boolean {
  return [...walk(node)].some(({ node: call, above }) => {
    const isClaim = ["it", "describe"].includes(nameOf(call["callee"]) ?? "");
    return isClaim && above.find(isFunction) === node;
  });
}

function exportedName(node: Node): string {
  const declaration = node["declaration"] as Node;
  const [first] = (declaration["declarations"] as readonly Node[] | undefined) ?? [declaration];
  return nameOf(first) ?? "export";
}

/** How many columns of each line are text in quotes. */
function textsByLine(program: Node): ReadonlyMap<number, number> {
  const columns = new Map<number, number>();
  for (const { node } of walk(program)) {
    if (!["StringLiteral", "TemplateLiteral", "RegExpLiteral"].includes(node.type)) continue;
    const { start, end } = node.loc;
    if (start.line !== end.line) continue;
    columns.set(start.line, (columns.get(start.line) ?? 0) + end.column - start.column);
  }
  return columns;
}

/** Every module that the tests in a folder import, directly or through others. */
function importedFrom(folder: string): ReadonlySet<string> {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const open = modules.filter(({ path }) => path.startsWith(folder)).map(({ path }) => path);
  const seen = new Set<string>();
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const module = byPath.get(path);
    if (module === undefined || seen.has(path)) continue;
    seen.add(path);
    const sources = module.lines.flatMap((line) => /from "(\.[^"]+)"/.exec(line)?.[1] ?? []);
    open.push(...sources.map((source) => join(path, "..", source)));
  }
  return seen;
}
