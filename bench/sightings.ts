import { within } from "../test/lab/within.ts";

/** How a member looks to an agent, in words that all products share. */
export type Look = "alive" | "suspect" | "unreachable";

/** A member that had been seen alive, and no longer was. */
export type Doubt = { readonly member: string; readonly look: Look; readonly at: number };

type Claim = (seen: Sightings) => boolean;

/**
 * What one agent has told of its cluster, and when it arrived here: milliseconds of this process's
 * `performance.now()`.
 */
export class Sightings {
  readonly name: string;
  readonly doubts: Doubt[] = [];
  readonly #looks = new Map<string, { readonly look: Look; readonly at: number }>();
  readonly #updates = new Map<string, number>();
  readonly #waiting = new Map<Claim, (at: number) => void>();

  constructor(name: string) {
    this.name = name;
  }

  /** Members that look so, the agent itself included where it counts itself. */
  count(look: Look): number {
    return [...this.#looks.values()].filter((each) => each.look === look).length;
  }

  lookOf(member: string): Look | undefined {
    return this.#looks.get(member)?.look;
  }

  /** When this update was first seen, or undefined before. */
  updateAt(update: string): number | undefined {
    return this.#updates.get(update);
  }

  get updates(): number {
    return this.#updates.size;
  }

  member(name: string, look: Look): void {
    const at = performance.now();
    const before = this.#looks.get(name)?.look;
    if (before === look) return;
    const wasAlive = before === "alive" || before === "suspect";
    if (wasAlive && look !== "alive") this.doubts.push({ member: name, look, at });
    this.#looks.set(name, { look, at });
    this.#wake(at);
  }

  /** It was doubted in passing, and is told of again only if it is given up. */
  doubted(member: string): void {
    this.doubts.push({ member, look: "suspect", at: performance.now() });
  }

  update(name: string): void {
    if (this.#updates.has(name)) return;
    const at = performance.now();
    this.#updates.set(name, at);
    this.#wake(at);
  }

  /** The agent was ended: what it saw before is not what it sees now. */
  forget(): void {
    this.#looks.clear();
  }

  /**
   * When the claim came true: looked at now and after each sighting. Infinity where it did not in
   * time.
   */
  async until(claim: Claim, withinMs: number): Promise<number> {
    if (claim(this)) return performance.now();
    const told = new Promise<number>((resolve) => this.#waiting.set(claim, resolve));
    try {
      return await within(withinMs, this.name, told);
    } catch {
      return Number.POSITIVE_INFINITY;
    } finally {
      this.#waiting.delete(claim);
    }
  }

  #wake(at: number): void {
    for (const [claim, resolve] of this.#waiting) {
      if (!claim(this)) continue;
      this.#waiting.delete(claim);
      resolve(at);
    }
  }
}
