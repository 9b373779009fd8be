/** Which network joins the hosts, as a real kernel's routes and addresses tell. */
import assert from "node:assert/strict";
import { findUnderlay } from "../../overlay/linux/underlay.ts";
import { sh } from "./shell.ts";

describe("the underlay", () => {
  afterEach(() => {
    for (const device of ["u0", "u1", "sl-5000"]) {
      try {
        sh(`ip link del dev ${device}`);
      } catch {
        // A test need not have made all of them.
      }
    }
  });

  function device(name: string, ...addresses: readonly string[]): void {
    sh(`ip link add name ${name} type bridge`);
    sh(`ip link set dev ${name} addrgenmode none`);
    sh(`ip link set dev ${name} up`);
    for (const address of addresses) sh(`ip address add ${address} dev ${name} nodad`);
  }

  it("is the way to the first seed that there is a way to", async () => {
    device("u0", "10.1.0.1/24");
    device("u1", "10.2.0.1/24", "10.2.0.7/24");
    assert.deepEqual(await findUnderlay({ bind: undefined, seeds: ["10.99.0.1", "10.2.0.9"] }), {
      device: "u1",
      address: "10.2.0.1",
      mtu: 1500,
    });
  });

  it("does not lead to this host itself, where that is among the seeds", async () => {
    device("u0", "10.1.0.1/24");
    device("u1", "10.2.0.1/24");
    const underlay = await findUnderlay({ bind: undefined, seeds: ["10.1.0.1", "10.2.0.9"] });
    assert.equal(underlay.device, "u1");
  });

  it("carries no more than its route does", async () => {
    device("u0", "10.1.0.1/24");
    sh("ip route add 10.77.0.0/16 via 10.1.0.2 mtu lock 1380");
    const underlay = await findUnderlay({ bind: undefined, seeds: ["10.77.0.1"] });
    assert.equal(underlay.mtu, 1380);
  });

  it("is, without a seed, the default route's, in IPv4 or IPv6", async () => {
    device("u0", "10.1.0.1/24", "fd01::1/64");
    device("u1", "10.2.0.1/24", "fd02::1/64");
    sh("ip route add default via 10.2.0.2 dev u1 src 10.2.0.1 mtu 1400");
    const nowhere = { bind: undefined, seeds: [] };
    const expected = { device: "u1", address: "10.2.0.1", mtu: 1400 };
    assert.deepEqual(await findUnderlay(nowhere), expected);
    sh("ip route del default");
    sh("ip -6 route add default via fd02::2 dev u1 src fd02::1");
    assert.equal((await findUnderlay(nowhere)).address, "fd02::1");
  });

  it("is, without any route, whatever has a global address and is not ours", async () => {
    device("sl-5000", "10.32.0.1/16");
    device("u0");
    device("u1", "10.2.0.1/24");
    assert.equal((await findUnderlay({ bind: undefined, seeds: [] })).device, "u1");
  });

  it("is what was asked for: an interface, or one address of it", async () => {
    device("u0", "10.1.0.1/24");
    device("u1", "10.2.0.1/24", "10.2.0.7/24", "fd02::1/64");
    const at = async (bind: string) => (await findUnderlay({ bind, seeds: ["10.1.0.9"] })).address;
    assert.equal(await at("u1"), "10.2.0.1");
    assert.equal(await at("10.2.0.7"), "10.2.0.7");
    assert.equal(await at("fd02:0::1"), "fd02::1");
  });

  it("is refused with what was tried", async () => {
    device("u0");
    const refused = (bind: string | undefined, message: RegExp) =>
      assert.rejects(findUnderlay({ bind, seeds: ["10.99.0.1"] }), {
        code: "UNDERLAY_UNKNOWN",
        message,
      });
    await refused(undefined, /a route to 10\.99\.0\.1, the default route and every interface/);
    await refused("u0", /u0 has no address/);
    await refused("u9", /u9 is neither an interface .* interfaces: u0$/);
    await refused("10.9.9.9", /10\.9\.9\.9 is neither/);
  });
});
