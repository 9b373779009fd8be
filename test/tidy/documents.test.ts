import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { errorCodes } from "../../base/errors.ts";
import { manifest } from "./manifest.ts";
import { type Finding, judge } from "./rule.ts";
import { root, type TextFile, textFiles } from "./tree.ts";

const maxReadmeLines = 120;
const errorsPath = "docs/errors.md";
const architecturePath = "docs/ARCHITECTURE.md";

const documents = textFiles.filter(({ path }) => path.endsWith(".md"));

judge("documents", [
  {
    claim: `explain every error code in ${errorsPath}, and no other`,
    reason: "A code is what an operator searches for; it needs a meaning and something to do.",
    *findings() {
      const headings = [...document(errorsPath).text.matchAll(/^#+ `?([A-Z_]+)`?$/gm)];
      const explained = headings.map(([, code]) => code ?? "");
      for (const code of errorCodes) {
        if (!explained.includes(code)) yield { path: errorsPath, what: `lacks ${code}` };
      }
      for (const code of explained) {
        if ((errorCodes as readonly string[]).includes(code)) continue;
        yield { path: errorsPath, what: `has ${code}, which base/errors.ts has not` };
      }
    },
  },
  {
    claim: `give every package we ship its reason in ${architecturePath}`,
    reason: "A dependency is a decision: what it saves us, and why this one.",
    *findings() {
      const { text } = document(architecturePath);
      for (const name of Object.keys(manifest.dependencies)) {
        if (!text.includes(`\`${name}\``)) yield { path: architecturePath, what: `lacks ${name}` };
      }
    },
  },
  {
    claim: "point to files that exist",
    reason: "A dead link sends a reader away for good.",
    *findings() {
      for (const { path, lines } of documents) {
        for (const [at, line] of lines.entries()) yield* deadLinks(path, line, at + 1);
      }
    },
  },
  {
    claim: `keep the README under ${maxReadmeLines} lines`,
    reason: "Who has read it all should be able to start; the rest is in docs/.",
    *findings() {
      const { path, lines } = document("README.md");
      if (lines.length > maxReadmeLines) yield { path, what: `${lines.length} lines` };
    },
  },
]);

function document(path: string): TextFile {
  return documents.find((file) => file.path === path) ?? { path, text: "", lines: [] };
}

function* deadLinks(path: string, text: string, line: number): Generator<Finding> {
  for (const [, target = ""] of text.matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|sh|md))`/g)) {
    if (!existsSync(join(root, target))) yield { path, line, what: target };
  }
  for (const [, target = ""] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    if (!existsSync(join(root, dirname(path), target))) yield { path, line, what: target };
  }
}
