/** The command line as people and programs see it, in front of a world's agent. */
import assert from "node:assert/strict";
import type { World } from "../agent/control/world.ts";
import { type Exit, run } from "./command.ts";

/** A view as JSON has it. */
export const plain = (view: unknown): unknown => JSON.parse(JSON.stringify(view));

/** `world` is asked for at each command: every test has its own. */
export function screenOf(world: () => World) {
  const at = (...words: string[]): Promise<Exit> => run(["--socket", world().path, ...words]);

  /** What people see of a command that succeeds, with a line break before it for the eye. */
  async function seen(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await at(...words);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    return `\n${stdout}`;
  }

  async function json(...words: string[]): Promise<unknown> {
    return JSON.parse(await seen(...words, "--json"));
  }

  return { at, seen, json };
}
