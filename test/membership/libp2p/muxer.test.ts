import assert from "node:assert/strict";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { muxer } from "../../../membership/libp2p/muxer.ts";

describe("the muxer", () => {
  for (const how of ["close", "abort"] as const) {
    it(`survives a connection that ends (${how}) in the instant in which a stream is opened`, async () => {
      const [connection] = multiaddrConnectionPair();
      const muxed = muxer({})().createStreamMuxer(connection);
      const opening = muxed.createStream();
      if (how === "close") void connection.close();
      else connection.abort(new Error("the wire is cut"));
      const stream = await opening;
      // What yamux threw here, nobody could have caught: mocha would blame this test for it.
      assert.notEqual(stream.status, "open");
      assert.notEqual(muxed.status, "open");
    });
  }
});
