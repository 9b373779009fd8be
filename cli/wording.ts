/** Times and hosts in words. */
import type { HostRef } from "../agent/view.ts";
import { printable } from "./terminal.ts";

/** `3m`: in a column one unit is enough, and two would not be read. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `3m ago`. */
export function ago(ms: number): string {
  return ms < 1_000 ? "now" : `${duration(ms)} ago`;
}

/** The names of hosts, in order. */
export function hostNames(hosts: readonly HostRef[]): string {
  return hosts
    .map(({ name }) => printable(name))
    .toSorted()
    .join(", ");
}
