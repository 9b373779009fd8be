import assert from "node:assert/strict";
import fc from "fast-check";
import { WaitingRoom } from "../../../membership/libp2p/waiting-room.ts";

/** A room in which guests are their own addresses, and who is in it. */
function makeRoom(seats: number) {
  const room = new WaitingRoom<string>(seats);
  const inside = new Set<string>();
  let port = 0;
  const come = (place: string): boolean => {
    port += 1;
    const address = `${place}:${port}`;
    const { isIn, givesWay } = room.enter(address, address);
    if (givesWay !== undefined) inside.delete(givesWay);
    if (isIn) inside.add(address);
    return isIn;
  };
  const at = (place: string) => [...inside].filter((address) => address.startsWith(`${place}:`));
  return { room, come, at, inside };
}

const crowd = Array.from({ length: 30 }, (_, at) => `10.9.0.${at}`);

describe("the waiting room", () => {
  it("gives one address a quarter of the seats", () => {
    const { come, at } = makeRoom(32);
    for (let n = 0; n < 50; n += 1) come("10.9.0.1");
    assert.equal(at("10.9.0.1").length, 8);
  });

  it("keeps a half for addresses of members, whatever strangers do", () => {
    const { room, come, inside } = makeRoom(32);
    for (const place of ["10.0.0.1", "10.0.0.2"]) room.expect(place);
    for (let round = 0; round < 20; round += 1) for (const place of crowd) come(place);
    assert.equal(inside.size, 16);
    for (let n = 0; n < 8; n += 1)
      for (const place of ["10.0.0.1", "10.0.0.2"]) assert.ok(come(place));
    assert.equal(inside.size, 32);
  });

  it("takes a seat from the address with the most for one with fewer, and the oldest first", () => {
    const { come, at } = makeRoom(32);
    for (const place of ["10.9.0.1", "10.9.0.2"]) for (let n = 0; n < 8; n += 1) come(place);
    assert.ok(come("10.9.0.3"));
    assert.equal(at("10.9.0.1").length + at("10.9.0.2").length, 15);
    assert.ok(!at("10.9.0.1").includes("10.9.0.1:1"));
    // Among equals nobody gives way: that would be a merry-go-round.
    const { come: enter, at: inside } = makeRoom(32);
    for (const place of crowd.slice(0, 16)) assert.ok(enter(place));
    assert.equal(enter("10.9.1.1"), false);
    assert.equal(inside("10.9.0.0").length, 1);
  });

  it("never holds more than it has, whoever comes and goes", () => {
    const act = fc.record({
      place: fc.constantFrom(...crowd.slice(0, 6), "10.0.0.1"),
      leaves: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
        const { room, come, inside } = makeRoom(16);
        room.expect("10.0.0.1");
        for (const { place, leaves } of acts) {
          const [first] = inside;
          if (!leaves || first === undefined) come(place);
          else {
            room.leave(first);
            inside.delete(first);
          }
          const strangers = [...inside].filter((address) => !address.startsWith("10.0.0.1:"));
          assert.ok(inside.size <= 16 && strangers.length <= 8);
        }
      }),
    );
  });
});
