/** A log that counts its phrases: what an agent says is how a run knows which rare thing it met. */
import type { Log, LogFields } from "../../base/log.ts";

export function markingLog(options: {
  readonly mark: (name: string) => void;
  readonly note: (text: () => string) => void;
}): Log {
  const say = (phrase: string, fields: LogFields = {}) => {
    options.mark(`log: ${phrase}`);
    options.note(() => {
      const rest = Object.entries(fields).map(([field, value]) => `${field}=${value}`);
      return `says: ${[phrase, ...rest].join(" ")}`;
    });
  };
  const log: Log = { error: say, warn: say, info: say, debug: say, named: () => log };
  return log;
}
