import assert from "node:assert/strict";
import { timing } from "../../agent/config.ts";
import type { Effect } from "../../agent/effect.ts";
import { Reconciler } from "../../agent/reconciler.ts";
import type { Wanted } from "../../overlay/dataplane.ts";
import { actualOf } from "../../overlay/expected.ts";
import { sampleSegment, wantedOf } from "../contract/dataplane.ts";
import { silentLog } from "./samples.ts";

/** A kernel that does at once what it is told; dumps are answered when the test says so. */
class World {
  readonly reconciler: Reconciler;
  now = 0;
  dumps = 0;
  /** How often it said that it looks, before it did. */
  looks = 0;
  /** What the kernel was last told to hold. */
  held: Wanted = wantedOf();
  #wanted: Wanted = wantedOf();
  readonly #effects: Effect[] = [];

  constructor() {
    this.reconciler = new Reconciler({
      options: timing.reconciler,
      emit: (effect) => void this.#effects.push(effect),
      log: silentLog,
      settled: () => undefined,
      looking: () => {
        this.looks += 1;
      },
      dumped: () => undefined,
      mayPrune: () => true,
    });
  }

  want(wanted: Wanted): void {
    this.#wanted = wanted;
    this.reconciler.want(wanted);
    this.#perform();
  }

  /** Lets time pass until the kernel is asked; returns whether it is. */
  ask(): boolean {
    const before = this.dumps;
    this.now += timing.reconciler.sweepMs;
    this.reconciler.tick(this.now);
    this.#perform();
    return this.dumps > before;
  }

  answer(): void {
    this.reconciler.dumped(actualOf(this.held), this.now);
    this.#perform();
  }

  fail(): void {
    this.reconciler.dumpFailed(this.now);
    this.#perform();
  }

  #perform(): void {
    for (const effect of this.#effects.splice(0)) {
      if (effect.kind === "dump") {
        this.dumps += 1;
        assert.equal(this.looks, this.dumps, "says that it looks before it does");
      }
      if (effect.kind !== "apply") continue;
      this.held = this.#wanted;
      this.reconciler.applied([], this.now);
    }
    if (this.#effects.length > 0) this.#perform();
  }
}

describe("the reconciler", () => {
  const { staleDumps } = timing.reconciler;

  /** Changes the wish during each dump, until changes wait. */
  function hurry(world: World): void {
    world.ask();
    world.answer();
    for (let count = 1; count <= staleDumps; count += 1) {
      assert.ok(world.ask());
      world.want(wantedOf(sampleSegment(count)));
      assert.equal(world.held.segments.size, 1);
      world.answer();
    }
  }

  it("finds what others did also where changes of its own never pause", () => {
    const world = new World();
    hurry(world);
    assert.ok(world.ask());
    const { held } = world;
    world.want(wantedOf(sampleSegment(9)));
    assert.equal(world.held, held, "changed while it looked");
    // Somebody has taken everything away.
    world.held = wantedOf();
    world.answer();
    assert.deepEqual(world.held, wantedOf(sampleSegment(9)));
    assert.ok(world.reconciler.isSettled);
  });

  it("goes on with what it held back where the kernel cannot be read", () => {
    const world = new World();
    hurry(world);
    assert.ok(world.ask());
    world.want(wantedOf(sampleSegment(9)));
    world.fail();
    assert.deepEqual(world.held, wantedOf(sampleSegment(9)));
  });
});
