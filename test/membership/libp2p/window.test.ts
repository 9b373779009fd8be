import assert from "node:assert/strict";
import type { Stream } from "@libp2p/interface";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import { renewByHalves } from "../../../membership/libp2p/window.ts";

const windowBytes = 256 * 1024;

type Pair = {
  readonly near: Stream;
  readonly far: Stream;
  readonly answers: () => number;
  readonly close: () => void;
};

/** Two ends of a stream, and how many frames the second one's muxer has sent. */
async function pair(): Promise<Pair> {
  const [one, other] = multiaddrConnectionPair();
  let answers = 0;
  const send = other.send.bind(other);
  other.send = (bytes) => {
    answers += 1;
    return send(bytes);
  };
  const muxers = [one, other].map((end) => yamux({})().createStreamMuxer(end));
  const coming = new Promise<Stream>((resolve) =>
    muxers[1]?.addEventListener("stream", ({ detail }) => {
      renewByHalves(detail);
      resolve(detail);
    }),
  );
  const near = await muxers[0]?.createStream();
  assert(near !== undefined);
  const far = await coming;
  // Opening takes frames of its own.
  const first = received(far, 1);
  near.send(new Uint8Array(1));
  await first;
  const opening = answers;
  const close = () => one.abort(new Error("the test is over"));
  return { near, far, answers: () => answers - opening, close };
}

/** Resolves when so many bytes have come. */
function received(stream: Stream, bytes: number): Promise<void> {
  let seen = 0;
  return new Promise((resolve) =>
    stream.addEventListener("message", ({ data }) => {
      seen += data.byteLength;
      if (seen >= bytes) resolve();
    }),
  );
}

describe("a link's window", () => {
  it("does not answer small frames one by one", async () => {
    const { near, far, answers, close } = await pair();
    const all = received(far, 200);
    for (let n = 0; n < 100; n += 1) near.send(new Uint8Array(2));
    await all;
    close();
    assert.equal(answers(), 0);
  });

  it("lets any amount through, however often the window is used up", async () => {
    const { near, far, answers, close } = await pair();
    const bytes = windowBytes * 20;
    const all = received(far, bytes);
    for (let left = bytes; left > 0; left -= 1_000) {
      if (!near.send(new Uint8Array(Math.min(left, 1_000)))) await drained(near);
    }
    await all;
    close();
    assert(answers() > 20, `${answers()} renewals of the window`);
  });
});

function drained(stream: Stream): Promise<void> {
  return new Promise((resolve) =>
    stream.addEventListener("drain", () => resolve(), { once: true }),
  );
}
