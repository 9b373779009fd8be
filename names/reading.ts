/**
 * How a name can be read. What ends in `starling` is ours alone; without it a name is ours where it
 * is known, and somebody else's where it is not.
 *
 *   db.web.starling   nearest.db.web.starling   db.starling   db.web   nearest.db   db
 */

/** The domain of all our names. */
export const domain = "starling";
/** Who answers for it; an endpoint of that name is found in its network. */
export const serverName = `_ns.${domain}`;

/** An endpoint's label, in one network or in any of the asker's. */
export type Reading = {
  readonly label: string;
  readonly network: string | undefined;
  /** Only endpoints on this host, if there are any. */
  readonly isNearest: boolean;
};

/** Whether the lower-case name is ours alone. */
export function isInDomain(name: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

/** All readings of a lower-case name, the likelier first; none where it has too many labels. */
export function readingsOf(name: string): readonly Reading[] {
  const rest = isInDomain(name) ? name.slice(0, -domain.length - 1) : name;
  const [first = "", second, third, ...more] = rest.split(".");
  const isPrefixed = first === "nearest";
  if (first === "" || more.length > 0) return [];
  if (second === undefined) return [{ label: first, network: undefined, isNearest: false }];
  if (third === undefined) {
    const plain = { label: first, network: second, isNearest: false };
    const bare = { label: second, network: undefined, isNearest: true };
    // An endpoint may be called `nearest`.
    return isPrefixed ? [plain, bare] : [plain];
  }
  return isPrefixed ? [{ label: second, network: third, isNearest: true }] : [];
}
