/** The log of the daemon: lines through the `debug` package, under `starling:<folder>:<part>`. */
import createDebug from "debug";
import type { Log, LogFields } from "../log.ts";

/**
 * A log under this namespace. Errors, warnings and changes of state are printed unless DEBUG names
 * the namespace with a minus (`DEBUG=-starling:store*`); debug lines only where DEBUG asks for them
 * (`DEBUG=starling:*`).
 */
export function debugLog(namespace: string): Log {
  const details = createDebug(namespace);
  const always = createDebug(namespace);
  always.enabled = !isSilenced(namespace, process.env["DEBUG"] ?? "");
  const write = (phrase: string, fields: LogFields = {}) =>
    always("%s", formatLine(phrase, fields));
  return {
    error: (phrase, fields) => write(`error: ${phrase}`, fields),
    warn: (phrase, fields) => write(`warning: ${phrase}`, fields),
    info: write,
    debug: (phrase, fields = {}) => {
      if (details.enabled) details("%s", formatLine(phrase, fields));
    },
    named: (part) => debugLog(`${namespace}:${part}`),
  };
}

/**
 * One line: the phrase, then `key=value` in the order given, with quotes where a value would read
 * as more than one.
 */
export function formatLine(phrase: string, fields: LogFields): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return [phrase, ...given.map(([field, value]) => `${field}=${quoted(String(value))}`)].join(" ");
}

function quoted(value: string): string {
  if (/^[^\s"=\p{C}]+$/u.test(value)) return value;
  // A terminal obeys control characters beyond those of JSON, and values come from other hosts.
  return JSON.stringify(value).replace(/\p{C}/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}

function isSilenced(namespace: string, setting: string): boolean {
  return setting
    .split(/[\s,]+/)
    .filter((pattern) => pattern.startsWith("-"))
    .some((pattern) => matches(pattern.slice(1), namespace));
}

/** Whether a pattern of DEBUG, in which `*` stands for anything, covers the namespace. */
function matches(pattern: string, namespace: string): boolean {
  const parts = pattern.split("*").map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join(".*")}$`).test(namespace);
}
