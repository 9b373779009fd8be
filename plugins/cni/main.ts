/**
 * The program `starling-cni`, which container runtimes start for each operation. Nothing but one
 * JSON text goes to standard output; words for people go to standard error.
 */
import { text } from "node:stream/consumers";
import { describeError } from "../../base/errors.ts";
import { fault, readCall } from "../cni-call.ts";
import { faultResult } from "../cni-result.ts";
import { type Outcome, perform } from "./operations.ts";

const input = await text(process.stdin);
const outcome = await outcomeOf();
if (outcome.kind === "fault") {
  process.exitCode = 1;
  print(faultResult(versionIn(input), outcome));
} else if (outcome.result !== undefined) print(outcome.result);

async function outcomeOf(): Promise<Outcome> {
  try {
    const call = readCall(process.env, input);
    return call.kind === "fault" ? call : await perform(call, note);
  } catch (error) {
    return fault("internal", describeError(error));
  }
}

/** An error is in the version that was asked for, whatever else is wrong with the input. */
function versionIn(json: string): string {
  return /"cniVersion"\s*:\s*"([0-9.]{1,16})"/.exec(json)?.[1] ?? "1.1.0";
}

function print(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

function note(words: string): void {
  process.stderr.write(`starling-cni: ${words}\n`);
}
