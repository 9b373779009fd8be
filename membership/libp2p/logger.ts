/** libp2p's own lines, through `debug` like ours: `DEBUG=libp2p:*` shows them. */
import type { ComponentLogger, Logger } from "@libp2p/interface";
import createDebug from "debug";

/**
 * How libp2p marks an argument: a peer id, an address, a CID, a key in base58 or base32, an error.
 */
const marks = "pabtck";

/** The logger that libp2p is given. */
export function libp2pLogger(): ComponentLogger {
  for (const mark of marks) createDebug.formatters[mark] = (value: unknown) => String(value);
  createDebug.formatters["e"] = (value: unknown) =>
    value instanceof Error ? (value.stack ?? value.message) : String(value);
  return { forComponent: scope };
}

/**
 * One part of libp2p. It makes a scope for every stream, so a printer is only made for one that
 * prints.
 */
function scope(name: string): Logger {
  const log = Object.assign(printer(name), {
    error: printer(`${name}:error`),
    trace: printer(`${name}:trace`),
    newScope: (part: string) => scope(`${name}:${part}`),
    enabled: false,
  });
  return Object.defineProperty(log, "enabled", { get: () => createDebug.enabled(name) });
}

function printer(name: string): (format: unknown, ...values: unknown[]) => void {
  let print: createDebug.Debugger | undefined;
  return (format, ...values) => {
    if (!createDebug.enabled(name)) return;
    print ??= createDebug(name);
    print(format, ...values);
  };
}
