/**
 * Questions and answers of the domain name system as plain data (RFC 1034, RFC 1035), without the
 * packet around them. Names have no final dot; the root is empty.
 */
import type { Ip } from "../base/address.ts";

/** What somebody asks: the name as it was written, and a type such as `A` or `PTR`. */
export type Question = { readonly name: string; readonly type: string };

/** What a record holds, by type. */
export type RecordContent =
  | { readonly type: "A" | "AAAA"; readonly address: Ip }
  | { readonly type: "PTR" | "NS"; readonly target: string }
  | { readonly type: "SOA"; readonly server: string; readonly contact: string }
  | { readonly type: "HINFO"; readonly cpu: string; readonly os: string };

/** One record of an answer; how long it may be remembered is in seconds. */
export type ResourceRecord = {
  readonly name: string;
  readonly ttlS: number;
  readonly content: RecordContent;
};

/**
 * An answer of ours, always authoritative. Neither records nor `isMissing`: the name exists, but
 * nothing of that type (NODATA). `isMissing`: no such name (NXDOMAIN, RFC 2308).
 */
export type Answers = {
  readonly kind: "answers";
  readonly isMissing: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
};

/** What becomes of a question: our answer, another resolver's, or none for this asker. */
export type Reply =
  | Answers
  | { readonly kind: "forward" }
  | { readonly kind: "refused"; readonly reason: string };
