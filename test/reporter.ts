import { appendFileSync } from "node:fs";
import Mocha from "mocha";

const { EVENT_RUN_END, EVENT_TEST_PENDING } = Mocha.Runner.constants;

/**
 * What mocha's own `spec` prints; and its real counts as one line of JSON in the file that
 * `STARLING_TEST_RESULTS` names: `scripts/test.sh` adds up results and reads none off a screen.
 */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const skipped: string[] = [];
    runner.on(EVENT_TEST_PENDING, (test: Mocha.Test) => skipped.push(test.fullTitle()));
    runner.once(EVENT_RUN_END, () => {
      const results = process.env["STARLING_TEST_RESULTS"];
      if (results === undefined) return;
      const { passes = 0, failures = 0 } = runner.stats ?? {};
      const counts = { passed: passes, failed: failures, skipped: skipped.length };
      appendFileSync(results, `${JSON.stringify({ ...counts, skips: skipped })}\n`);
    });
  }
}
