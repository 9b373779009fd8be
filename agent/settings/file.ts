/** The configuration file: YAML, and so JSON as well. */
import { isAlias, isMap, isNode, isScalar, LineCounter, type Pair, parseDocument } from "yaml";
import { describeError, MeshError } from "../../base/errors.ts";
import { limits } from "../config.ts";

/** What the file sets, and where it says so. */
export type Entry = { readonly key: string; readonly value: unknown; readonly line: number };

/** A file that has been read; the path is for messages. */
export type ConfigFile = { readonly path: string; readonly text: string };

/**
 * In the file's order. An empty file sets nothing. Throws a MeshError CONFIG_INVALID that names the
 * line.
 */
export function readEntries({ path, text }: ConfigFile): Entry[] {
  if (text.length > limits.configBytes) {
    throw invalid(
      `${path} is larger than the ${limits.configBytes} bytes a configuration may have`,
    );
  }
  try {
    return parse(path, text);
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    // The parser gives up in its own way on what is nested beyond all measure.
    throw invalid(`${path} cannot be read as YAML: ${describeError(cause)}`, cause);
  }
}

function parse(path: string, text: string): Entry[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number | undefined) => Math.max(1, lines.linePos(offset ?? 0).line);
  const [error] = document.errors;
  if (error !== undefined) {
    throw invalid(`${path} line ${lineAt(error.pos[0])}: ${describeError(error)}`, error);
  }
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return [];
  if (!isMap(contents)) throw invalid(`${path}: expected lines such as "port: 7790"`);
  return contents.items.map((pair: Pair) => {
    const { key, value } = pair;
    const line = lineAt(rangeOf(key));
    if (!isScalar(key)) throw invalid(`${path} line ${line}: a key must be a word`);
    if (isAlias(value)) throw invalid(`${path} line ${line}: aliases are not supported`);
    // Aliases inside could make much of little.
    const plain = isNode(value) ? value.toJS(document, { maxAliasCount: 0 }) : null;
    return { key: String(key.value), value: plain, line };
  });
}

function rangeOf(node: unknown): number | undefined {
  const { range } = (node ?? {}) as { readonly range?: readonly number[] | null };
  return range?.[0];
}

function invalid(message: string, cause?: unknown): MeshError {
  return new MeshError("CONFIG_INVALID", message, { cause });
}
