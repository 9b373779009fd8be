/**
 * Who serves names: the port between what they mean and the sockets that questions come in by. It
 * listens at gateways of ours and asks the agent; what the agent does not answer it asks elsewhere.
 */
import type { Ip } from "../base/address.ts";
import type { Question, Reply } from "./record.ts";

/** A question, with where it came from and which of our addresses it came to. */
export type Query = { readonly from: Ip; readonly to: Ip; readonly question: Question };

/** How an address is served; `fault`: why it is not. */
export type Listening = { readonly address: Ip; readonly fault: string | undefined };

/** What the server reports: how things are now, whole each time. */
export type ServerReport = {
  readonly listening: readonly Listening[];
  /** Where other names are asked for. */
  readonly upstreams: readonly Ip[];
};

/** Who knows the answers. */
export interface Oracle {
  resolve(query: Query): Reply;
  /** Something of the report has changed. */
  serving(report: ServerReport): void;
}

/** The server, as the core sees it. */
export interface NameServer {
  /**
   * These addresses are to be served and no others. What cannot be had yet, for the kernel does not
   * have the address or somebody else has the port, is tried again until it can.
   */
  listen(addresses: readonly Ip[]): void;
}
