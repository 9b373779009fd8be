/**
 * One packet for what is said at once. Noise writes the length of a message and the message apart,
 * and TCP, which must not wait, sends each as it comes: half of all packets would carry two bytes.
 */
import type { Socket } from "node:net";
import type { ConnectionEncrypter, MessageStream } from "@libp2p/interface";

/** Where the bytes of a connection leave: libp2p's TCP gives its socket to who looks for it. */
type Wire = MessageStream & {
  readonly socket?: Pick<Socket, "cork" | "uncork" | "writableCorked">;
  sendData?: (data: never) => unknown;
};

/** The encrypter, on connections that gather what is sent until the call that sends has ended. */
export function gathered<Components>(
  make: (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const encrypter = make(components);
    const inbound = encrypter.secureInbound.bind(encrypter);
    const outbound = encrypter.secureOutbound.bind(encrypter);
    encrypter.secureInbound = (stream, options) => inbound(gather(stream), options);
    encrypter.secureOutbound = (stream, options) => outbound(gather(stream), options);
    return encrypter;
  };
}

/** Anything else than TCP is left as it is. */
export function gather<Stream extends MessageStream>(stream: Stream): Stream {
  const wire: Wire = stream;
  const { socket } = wire;
  const sendData = wire.sendData?.bind(stream);
  if (socket === undefined || sendData === undefined) return stream;
  wire.sendData = (data) => {
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    return sendData(data);
  };
  return stream;
}
