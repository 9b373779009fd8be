/** Something that breaks a rule, and where. */
export type Finding = { readonly path: string; readonly line?: number; readonly what: string };

/** A rule: what must be true, why, and what to do instead. The reason stands in every failure. */
export type Rule = {
  readonly claim: string;
  readonly reason: string;
  readonly findings: () => Iterable<Finding>;
};

/** One test per rule; it names every place that breaks it. */
export function judge(subject: string, rules: readonly Rule[]): void {
  describe(subject, () => {
    for (const { claim, reason, findings } of rules) {
      it(claim, () => {
        const places = [...findings()].map(
          ({ path, line, what }) => `  ${path}${line === undefined ? "" : `:${line}`} ${what}`,
        );
        if (places.length > 0) throw new Error(`${reason}\n${places.join("\n")}`);
      });
    }
  });
}
