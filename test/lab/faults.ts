/**
 * What is wrong with the wire: pairs of bridge ports between which frames are lost, one way each,
 * and random loss.
 */
export type Faults = {
  readonly cuts: readonly (readonly [from: string, to: string])[];
  readonly lossPercent: number;
};

export const noFaults: Faults = { cuts: [], lossPercent: 0 };

/**
 * The nftables script that makes a bridge behave so; it replaces the former one in one transaction.
 */
export function cutRules(table: string, { cuts, lossPercent }: Faults): string {
  const pairs = cuts.map(([from, to]) => `"${from}" . "${to}"`);
  const rules = [
    ...(pairs.length === 0 ? [] : [`iifname . oifname { ${pairs.join(", ")} } drop`]),
    ...(lossPercent === 0 ? [] : [`numgen random mod 1000 < ${Math.round(lossPercent * 10)} drop`]),
  ];
  return [
    clearRules(table),
    `table bridge ${table} {`,
    "  chain forward {",
    "    type filter hook forward priority 0; policy accept;",
    ...rules.map((rule) => `    ${rule}`),
    "  }",
    "}",
    "",
  ].join("\n");
}

/**
 * The script that takes them away, whether or not there are any: deleting a missing table would
 * fail.
 */
export function clearRules(table: string): string {
  return `table bridge ${table}\ndelete table bridge ${table}\n`;
}
