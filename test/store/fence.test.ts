import assert from "node:assert/strict";
import { Fence, type Trust } from "../../store/fence.ts";
import type { Head } from "../../store/head.ts";
import { simulatedHost } from "../simulation/crypto.ts";
import { boot, makeHost } from "./world.ts";

const options = { aloneMs: 10_000, glanceMs: 200, settleMs: 2_000, askAgainMs: 1_000, outdone: 2 };
const [peer, other] = [simulatedHost(1), simulatedHost(2)];

function started(trust: Trust, isAlone = false): Fence {
  const fence = new Fence(options);
  fence.start({ trust, isAlone }, 0);
  return fence;
}

function isOpen(fence: Fence): boolean {
  return fence.state.kind === "open";
}

/** A head of ours that a run with this boot signed in this epoch. */
function headOf(run: number, epoch: number): Head {
  const { head } = makeHost(3).write({ "x/1": 1 });
  return { ...head, boot: boot(run), epoch };
}

describe("fence", () => {
  it("is open at once where there is nobody to ask", () => {
    assert.ok(isOpen(started("whole", true)));
    assert.ok(isOpen(started("doubtful", true)));
  });

  it("asks every peer, and again who does not answer", () => {
    const fence = started("doubtful");
    assert.deepEqual(fence.step([peer], 0), [peer]);
    assert.deepEqual(fence.step([peer, other], 500), [other]);
    assert.deepEqual(fence.step([peer, other], 1_000), [peer]);
    fence.answered(peer, 1_200);
    assert.deepEqual(fence.step([peer, other], 9_000), [other]);
  });

  it("opens a new disk with the first answer", () => {
    const fence = started("new");
    fence.step([peer], 100);
    assert.ok(!isOpen(fence) && !fence.isCompared);
    fence.answered(peer, 200);
    fence.step([peer], 200);
    assert.ok(isOpen(fence) && fence.isCompared);
  });

  it("opens a whole disk when all who linked soon after the first have answered", () => {
    const fence = started("whole");
    fence.step([peer], 100);
    fence.answered(peer, 200);
    fence.step([peer], 300);
    assert.ok(!isOpen(fence), "others may be about to link");
    fence.step([peer, other], 450);
    assert.ok(!isOpen(fence), "the other has not answered");
    fence.answered(other, 500);
    fence.step([peer, other], 500);
    assert.ok(isOpen(fence));
  });

  it("takes a whole disk for doubtful once a peer holds more of us than it", () => {
    const fence = started("whole");
    fence.doubt();
    assert.deepEqual(fence.state, { kind: "asking", trust: "doubtful" });
    fence.answered(peer, 100);
    fence.step([peer], 1_000);
    assert.ok(!isOpen(fence));
    fence.step([peer], 2_200);
    assert.ok(isOpen(fence));
  });

  it("opens a whole disk without an answer in time, and no other, however long it takes", () => {
    const [whole, fresh, doubtful] = [started("whole"), started("new"), started("doubtful")];
    for (const fence of [whole, fresh, doubtful]) fence.step([], 9_999);
    assert.ok(!isOpen(whole));
    for (const fence of [whole, fresh, doubtful]) fence.step([], 1e9);
    assert.deepEqual([whole, fresh, doubtful].map(isOpen), [true, false, false]);
    assert.ok(!whole.isCompared);
  });

  it("opens a doubtful disk when all who are linked have answered, and a while after the first", () => {
    const fence = started("doubtful");
    fence.answered(peer, 100);
    fence.step([peer], 2_000);
    assert.ok(!isOpen(fence), "others may still link");
    fence.step([peer, other], 5_000);
    assert.ok(!isOpen(fence), "the other has not answered");
    fence.answered(other, 5_100);
    fence.step([peer, other], 5_100);
    assert.ok(isOpen(fence));
  });

  it("takes another run for alive that goes on moving above us", () => {
    const fence = started("whole", true);
    assert.equal(fence.outdone(headOf(7, 10)), "refute");
    assert.ok(fence.isRefuted(headOf(7, 10)) && fence.isRefuted(headOf(7, 3)));
    assert.ok(!fence.isRefuted(headOf(7, 11)) && !fence.isRefuted(headOf(8, 10)));
    assert.equal(fence.outdone(headOf(7, 12)), "refute");
    assert.equal(fence.outdone(headOf(7, 14)), "cloned");
    assert.deepEqual(fence.state, { kind: "cloned", boot: boot(7) });
  });

  it("takes many runs that were each above us once for what they are: past", () => {
    const fence = started("whole", true);
    for (let run = 1; run < 200; run += 1)
      assert.equal(fence.outdone(headOf(run, 10 + run)), "refute");
    assert.ok(isOpen(fence));
  });
});
