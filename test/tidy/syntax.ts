import { parse } from "@babel/parser";
import { folderOf, productFolders, textFiles } from "./tree.ts";

/** A node of the syntax tree, as far as rules about any program need to know it. */
export type Node = {
  readonly type: string;
  readonly loc: { readonly start: Position; readonly end: Position };
  readonly leadingComments?: readonly { readonly type: string; readonly value: string }[];
  readonly [field: string]: unknown;
};

type Position = { readonly line: number; readonly column: number };

/** A module of ours with its syntax tree. */
export type Module = {
  readonly path: string;
  readonly lines: readonly string[];
  readonly program: Node;
  readonly comments: readonly Node[];
};

export const modules: readonly Module[] = textFiles
  .filter(({ path }) => path.endsWith(".ts"))
  .map(({ path, text, lines }) => {
    const file = parse(text, { sourceType: "module", plugins: ["typescript"] });
    const tree = file as unknown as { program: Node; comments: Node[] };
    return { path, lines, program: tree.program, comments: tree.comments };
  });

/** The modules of what we ship. */
export const productModules = modules.filter(({ path }) =>
  (productFolders as readonly string[]).includes(folderOf(path)),
);

/** A node with the path of those above it, nearest first. */
export type Visit = {
  readonly node: Node;
  readonly above: readonly Node[];
  readonly field: string;
};

/** Every node of a tree, parents before children. */
export function* walk(node: Node, above: readonly Node[] = [], field = ""): Generator<Visit> {
  yield { node, above, field };
  for (const [name, value] of Object.entries(node)) {
    if (name.endsWith("Comments") || name === "loc") continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) yield* walk(child, [node, ...above], name);
    }
  }
}

export function lineOf(node: Node): number {
  return node.loc.start.line;
}

/** The name that an identifier, key or declaration goes by, if it goes by one. */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  const { type, name, value, id, key } = node;
  if (type === "PrivateName") return nameOf(id);
  if (typeof name === "string") return name;
  if (type === "StringLiteral") return String(value);
  return nameOf(id ?? key);
}

/** What a module imports from, types included, and how. */
export type Import = {
  readonly from: string;
  readonly line: number;
  readonly names: readonly string[];
  readonly isDynamic: boolean;
  /** Whether it is gone when types are. */
  readonly isType: boolean;
};

export function importsOf(module: Module): Import[] {
  return [...walk(module.program)].flatMap(({ node }): Import[] => {
    const source = node.type === "TSImportType" ? node["argument"] : node["source"];
    if (!isNode(source)) return [];
    const from = String(source["value"] ?? (source["literal"] as Node | undefined)?.["value"]);
    const specifiers = (node["specifiers"] ?? []) as readonly Node[];
    const names = specifiers.flatMap((specifier) => nameOf(specifier["imported"]) ?? []);
    const isDynamic = node.type === "ImportExpression";
    const isType = node["importKind"] === "type" || node.type === "TSImportType";
    return [{ from, line: lineOf(node), names, isDynamic, isType }];
  });
}

const functionTypes = [
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
  "ClassMethod",
  "ClassPrivateMethod",
  "ObjectMethod",
];

export function isFunction(node: Node): boolean {
  return functionTypes.includes(node.type);
}

/** Identifiers that stand for values: no types, no keys, no properties of something else. */
export function isValueReference({ node, above, field }: Visit): boolean {
  const [parent] = above;
  if (node.type !== "Identifier" || parent === undefined) return false;
  if (above.some(({ type }) => type.startsWith("TS") && !typedExpressions.includes(type))) {
    return false;
  }
  if (parent.type === "PrivateName") return false;
  const isLabel = field === "property" || field === "key" || field === "imported";
  return !isLabel || parent["computed"] === true || parent["shorthand"] === true;
}

/** Every name that a module binds itself, anywhere: by parameter, variable, import, declaration. */
export function bindingsOf({ program }: Module): Set<string> {
  const names = [...walk(program)].flatMap(({ node, above: [parent], field }) => {
    const isBound = field === "params" || field === "local" || field === "id";
    const isPattern = parent !== undefined && /Pattern$/.test(parent.type);
    const isField = field === "value" && parent?.type === "ObjectProperty";
    return isBound || isPattern || isField ? (nameOf(node) ?? []) : [];
  });
  return new Set(names);
}

const typedExpressions = ["TSAsExpression", "TSNonNullExpression", "TSSatisfiesExpression"];

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "loc" in value;
}
