/** What both sides of the agent's doors must know: little, so that a client starts at once. */
import { configDefaults } from "../config.ts";

/** Where an agent serves unless it is told otherwise. */
export const defaultSocket = configDefaults.socket;

/** What callers must send as Host: a page in a browser cannot (DNS rebinding). */
export const hostNames = ["starling", "localhost"] as const;

/**
 * The door for root alone, beside the one for the group: Node cannot ask the kernel who is at the
 * other end, but the kernel lets only the owner of a 0600 socket connect to it.
 */
export function rootSocket(path: string): string {
  return `${path}.root`;
}
