import { basename } from "node:path";
import { judge } from "./rule.ts";
import { lineOf, type Module, modules, type Node, nameOf, productModules, walk } from "./syntax.ts";
import { domains, folderOf, textFiles } from "./tree.ts";

const emptyWords = ["Manager", "Service", "Helper", "Helpers", "Util", "Utils"];
const emptyNames = ["data", "info"];
const emptyFiles = [
  "types",
  "utils",
  "util",
  "helpers",
  "helper",
  "index",
  "common",
  "misc",
  "shared",
];

/** What a name is declared by. */
const declarations = [
  "ClassDeclaration",
  "FunctionDeclaration",
  "VariableDeclarator",
  "TSInterfaceDeclaration",
  "TSTypeAliasDeclaration",
  "ClassMethod",
  "ClassProperty",
  "ClassPrivateMethod",
  "ClassPrivateProperty",
  "TSMethodSignature",
  "TSPropertySignature",
];

judge("names", [
  {
    claim: "of files are kebab-case",
    reason: "One spelling for all, on every file system, and no blank for a shell to split at.",
    *findings() {
      for (const { path } of modules) {
        if (!/^[a-z0-9-]+(\.test)?\.ts$/.test(basename(path))) yield { path, what: "" };
      }
      for (const { path } of textFiles) if (/\s/.test(path)) yield { path, what: "has a blank" };
    },
  },
  {
    claim: "of files say what is in them",
    reason: `A file holds one idea and has its name; ${emptyFiles.join(", ")} are no ideas.`,
    *findings() {
      for (const { path } of modules) {
        if (emptyFiles.includes(basename(path).split(".")[0] ?? "")) yield { path, what: "" };
      }
    },
  },
  {
    claim: "carry meaning",
    reason: `${emptyWords.join(", ")}, ${emptyNames.join(", ")} and a leading I say nothing: name the thing.`,
    *findings() {
      for (const module of modules) {
        for (const node of declared(module)) {
          const name = nameOf(node) ?? "";
          if (isEmpty(name, node)) yield { path: module.path, line: lineOf(node), what: name };
        }
      }
    },
  },
  {
    claim: "of adapters' folders are those of technologies, one level deep",
    reason:
      "A file directly in a domain folder thinks, a subfolder named after a technology acts; " +
      "deeper folders would hide which is which.",
    *findings() {
      for (const { path } of productModules) {
        const depth = path.split("/").length;
        const isDomain = ["base", ...domains, "agent"].includes(folderOf(path));
        if (isDomain && depth > 3) yield { path, what: "lies too deep" };
      }
    },
  },
]);

function declared(module: Module): Node[] {
  const nodes = [...walk(module.program)].map(({ node }) => node);
  return nodes.filter(({ type }) => declarations.includes(type));
}

function isEmpty(name: string, { type }: Node): boolean {
  // A method of Log is named after its level.
  if (emptyNames.includes(name)) return !/Method/.test(type);
  if (type === "TSInterfaceDeclaration" && /^I[A-Z][a-z]/.test(name)) return true;
  const words = name.split(/(?=[A-Z])/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return words.some((word) => emptyWords.includes(word));
}
