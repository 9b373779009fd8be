import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { gather } from "../../../membership/libp2p/packets.ts";

/** A socket that notes how many pieces the system would be given at once. */
class Wire extends Duplex {
  readonly writes: string[][] = [];

  override _read(): void {
    // Nothing is ever said to us.
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    done: (error?: Error) => void,
  ): void {
    this.writes.push(chunks.map(({ chunk }) => `${chunk}`));
    done();
  }
}

/** A connection over that socket, which writes as libp2p's TCP does. */
function connectionOver(socket: Wire) {
  const [connection] = multiaddrConnectionPair();
  const sendData = (data: Iterable<Uint8Array>) => {
    for (const piece of data) socket.write(piece);
    return { sentBytes: 0, canSendMore: true };
  };
  return Object.assign(connection, { socket, sendData });
}

/** After what was asked for before. */
const nextTick = () => new Promise<void>((resolve) => process.nextTick(resolve));
const bytes = (text: string) => Buffer.from(text);

describe("a connection", () => {
  it("gives the system at once what is sent in one call, and the next call's apart", async () => {
    const socket = new Wire();
    const connection = gather(connectionOver(socket));
    connection.sendData([bytes("2"), bytes("ab")]);
    connection.sendData([bytes("1"), bytes("c")]);
    assert.deepEqual(socket.writes, []);
    await nextTick();
    assert.deepEqual(socket.writes, [["2", "ab", "1", "c"]]);
    connection.sendData([bytes("1"), bytes("d")]);
    await nextTick();
    assert.deepEqual(socket.writes[1], ["1", "d"]);
  });

  it("is left as it is where it has no socket", () => {
    const [connection] = multiaddrConnectionPair();
    const before = connection.send;
    assert.equal(gather(connection).send, before);
  });
});
