/** The only fields a log line may carry, so that lines can be searched. Values are plain. */
export type LogFields = {
  readonly [Field in LogField]?: string | number | boolean | undefined;
};

/** A new field is added here first, so that one thing has one name in all logs. */
export type LogField =
  | "host"
  | "name"
  | "address"
  | "network"
  | "endpoint"
  | "origin"
  | "epoch"
  | "seq"
  | "state"
  | "reason"
  | "error"
  | "code"
  | "count"
  | "bytes"
  | "ms"
  | "kind"
  | "device"
  | "path"
  | "protocol";

/**
 * A constant phrase and fields. `error` wakes someone, `warn` degrades service, `info` changes
 * state.
 */
export interface Log {
  error(phrase: string, fields?: LogFields): void;
  warn(phrase: string, fields?: LogFields): void;
  info(phrase: string, fields?: LogFields): void;
  debug(phrase: string, fields?: LogFields): void;
  /** The same log under `starling:<folder>:<part>`. */
  named(part: string): Log;
}
