import assert from "node:assert/strict";
import { isOpen } from "../../../overlay/linux/passage.ts";

describe("the way through the packet filter", () => {
  it("is open where nobody has filtered anything", () => {
    assert.equal(isOpen("-P FORWARD ACCEPT\n"), true);
  });

  it("is closed where others have rules, or drop what they do not know", () => {
    assert.equal(isOpen("-P FORWARD DROP\n"), false);
    assert.equal(isOpen("-P FORWARD ACCEPT\n-A FORWARD -j DOCKER-USER\n"), false);
  });

  it("is open where our rule is", () => {
    const rule =
      '-A FORWARD -i sl-+ -m physdev --physdev-is-bridged -m comment --comment "starling: frames between endpoints" -j ACCEPT';
    assert.equal(isOpen(`-P FORWARD DROP\n${rule}\n-A FORWARD -j DOCKER-USER\n`), true);
  });
});
