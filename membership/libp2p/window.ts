/**
 * A link's messages are small and never end, so what each of them costs is what an idle agent
 * costs. Yamux answers every frame, however small, with one that renews the sender's window.
 */
import type { Stream } from "@libp2p/interface";

/** What a yamux stream keeps of its receive window: declared private, and fixed by its protocol. */
type Window = {
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  readonly state: number;
  sendWindowUpdate: () => void;
};
const established = 3;

/** Lets a yamux stream renew its peer's window only when half of it is used. */
export function renewByHalves(stream: Stream): void {
  if (!isWindow(stream)) return;
  const renew = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    const isHalfLeft = stream.recvWindowCapacity * 2 > stream.recvWindow;
    if (stream.state === established && isHalfLeft) return;
    renew();
  };
}

function isWindow(stream: object): stream is Window {
  return "sendWindowUpdate" in stream && "recvWindow" in stream && "recvWindowCapacity" in stream;
}
