import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { exchange, link, openStation } from "../../contract/station.ts";
import { RealWorld } from "./world.ts";

function socketTo(address: string, from = "127.0.0.1"): Socket {
  const [host, port] = address.split(":");
  const socket = connect({ host: host ?? "", port: Number(port), localAddress: from });
  return socket.on("error", () => undefined);
}

describe("strangers at many addresses", () => {
  it("hold the door against no member, nor against somebody new", async () => {
    const world = new RealWorld({ pendingConnections: 32, upgradeMs: 60_000 });
    try {
      const a = await openStation(world, 0);
      const places = Array.from({ length: 12 }, (_, at) => `127.0.1.${at + 1}`);
      const crowd = places.flatMap((place) =>
        Array.from({ length: 20 }, () => socketTo(a.address, place).resume()),
      );
      // Those that are turned away, or give way to others, come back as long as it lasts.
      let isOver = false;
      const again = (place: string) => {
        if (isOver) return;
        const socket = socketTo(a.address, place).resume();
        crowd.push(socket);
        socket.once("close", () => setImmediate(again, place));
      };
      const connected = crowd.map((socket) => once(socket, "connect"));
      await Promise.all(connected);
      for (const place of places) again(place);
      // From an address that nobody has been met at.
      const b = await openStation(world, 1);
      await link(world, b, a);
      await exchange(world, b, a);
      isOver = true;
      for (const socket of crowd) socket.destroy();
    } finally {
      await world.close();
    }
  });
});
