/**
 * Whether an origin may be known here: only with a host record whose certificate makes it a member.
 */
import * as v from "valibot";
import { decode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { ClusterId, HostId } from "../base/id.ts";
import {
  type Certificate,
  certificateFault,
  certificatesEqual,
} from "../membership/certificate.ts";
import type { RecordKey } from "../store/record.ts";
import { limits } from "./config.ts";
import { hostKey, hostSchema } from "./schema.ts";

/** Asked for every origin before anything of it is taken. */
export class Admission {
  readonly #cluster: ClusterId;
  readonly #crypto: Crypto;
  /** Certificates that have been verified, so that each is verified once. */
  readonly #verified = new Map<HostId, Certificate>();

  constructor(options: { readonly cluster: ClusterId; readonly crypto: Crypto }) {
    this.#cluster = options.cluster;
    this.#crypto = options.crypto;
  }

  /** Why not, or undefined where it may. */
  veto(origin: HostId, get: (key: RecordKey) => Uint8Array | undefined): string | undefined {
    const value = get(hostKey);
    const parsed = v.safeParse(hostSchema, value && decode(value, limits.valueBytes));
    if (!parsed.success) return "it has no host record";
    const { certificate } = parsed.output;
    const known = this.#verified.get(origin);
    if (known !== undefined && certificatesEqual(known, certificate)) return undefined;
    const expected = { cluster: this.#cluster, host: origin };
    const fault = certificateFault(certificate, expected, this.#crypto);
    if (fault === undefined) this.#verified.set(origin, certificate);
    return fault;
  }
}
