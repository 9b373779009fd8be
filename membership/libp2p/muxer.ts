import type { StreamMuxerFactory } from "@libp2p/interface";
import { type YamuxMuxerInit, yamux } from "@libp2p/yamux";

/**
 * yamux, on connections that may end at any instant. It opens a stream with a frame that it sends a
 * microtask later, where nobody could catch what a connection that has begun to close throws at it:
 * the process would end. Here the connection ends, and with it the stream.
 */
export function muxer(init: YamuxMuxerInit): () => StreamMuxerFactory {
  return () => {
    const factory = yamux(init)();
    return {
      protocol: factory.protocol,
      createStreamMuxer: (connection) => {
        const send = connection.send.bind(connection);
        connection.send = (bytes) => {
          try {
            return send(bytes);
          } catch (error) {
            connection.abort(error instanceof Error ? error : new Error(String(error)));
            return false;
          }
        };
        return factory.createStreamMuxer(connection);
      },
    };
  };
}
