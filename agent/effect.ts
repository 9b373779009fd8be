/**
 * What the core wants done. Effects are performed in order; those that end report back as an input
 * of the agent, named behind each. Nothing here waits: a promise is the business of whoever
 * performs.
 */
import type { Ip } from "../base/address.ts";
import type { EndpointId, HostId } from "../base/id.ts";
import type { Pull } from "../membership/transport.ts";
import type { SafeFile } from "../membership/vault.ts";
import type { Attachment, DataplaneOp } from "../overlay/dataplane.ts";
import type { JournalOp } from "../store/journal.ts";
import type { Answer } from "./command.ts";
import type { Envelope } from "./envelope.ts";
import type { WatchEvent } from "./view.ts";

/** One thing to be done outside the core. */
export type Effect =
  /** `linkUp` or `dialFailed`. */
  | { readonly kind: "dial"; readonly address: string }
  | { readonly kind: "send"; readonly to: HostId; readonly message: Envelope }
  | { readonly kind: "publish"; readonly message: Envelope }
  | { readonly kind: "close"; readonly host: HostId; readonly reason: string }
  /** `pulled`, then `pullEnded`. */
  | { readonly kind: "pull"; readonly pull: Pull }
  /** Our own writes, durable: `appended` or `appendFailed`. */
  | { readonly kind: "append"; readonly ops: readonly JournalOp[] }
  /** What others wrote: not durable, since they can be asked again. `kept` or `keepFailed`. */
  | { readonly kind: "keep"; readonly ops: readonly JournalOp[] }
  /** One of the small files that are written whole, durable: `saved`. */
  | { readonly kind: "save"; readonly file: SafeFile; readonly bytes: Uint8Array }
  /** `woken`, after so many milliseconds: for the few deadlines that are shorter than a tick. */
  | { readonly kind: "wake"; readonly afterMs: number }
  /** `applied`. */
  | { readonly kind: "apply"; readonly ops: readonly DataplaneOp[] }
  /** `dumped`. */
  | { readonly kind: "dump" }
  /** `attached`. */
  | { readonly kind: "attach"; readonly attachment: Attachment }
  /** `inspected`: whether the namespace is still the one it was. */
  | { readonly kind: "inspect"; readonly endpoint: EndpointId; readonly netns: string }
  /** Names are to be answered at these addresses and no others: `serving`. */
  | { readonly kind: "listen"; readonly addresses: readonly Ip[] }
  | { readonly kind: "answer"; readonly ticket: number; readonly answer: Answer }
  | { readonly kind: "joined"; readonly ticket: number; readonly answer: Uint8Array }
  | { readonly kind: "event"; readonly event: WatchEvent }
  /** The agent is done: it has left the cluster. */
  | { readonly kind: "stop"; readonly reason: string };

/** Where a part of the core leaves its effects. */
export type Emit = (effect: Effect) => void;
