import { existsSync } from "node:fs";
import { join } from "node:path";
import { judge } from "./rule.ts";
import { isFunction, lineOf, modules, type Node, nameOf, productModules, walk } from "./syntax.ts";
import { isCore, root, textFiles } from "./tree.ts";

const maxFileLines = 400;
const maxFunctionLines = 50;
const maxPortMethods = 6;
const maxWidth = 100;
const maxCommentLines = 12;

/** The interfaces between what thinks and what acts; each has one contract suite. */
const ports = ["Clock", "Random", "Crypto", "Log", "Transport", "Journal", "Dataplane", "Desk"];

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
    claim: "has a mirror test for every core file that does something",
    reason:
      "test/ mirrors the tree: who changes store/digest.ts looks into test/store/digest.test.ts. " +
      "Files of types and constants alone need none.",
    *findings() {
      for (const { path, program } of productModules) {
        if (!isCore(path) || ![...walk(program)].some(({ node }) => isFunction(node))) continue;
        const mirror = `test/${path.replace(/\.ts$/, ".test.ts")}`;
        if (!existsSync(join(root, mirror))) yield { path, what: `has no ${mirror}` };
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
