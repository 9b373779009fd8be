/**
 * What two agents tell each other first on a link: who they are, why to trust it, and where to find
 * them again.
 */
import * as v from "valibot";
import { decode, encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import { type BootId, type ClusterId, type HostId, parseBootId } from "../base/id.ts";
import { branded, fixedBytes, shortText } from "../base/schema.ts";
import { type Certificate, certificateFault, certificateSchema } from "./certificate.ts";
import type { Revocations } from "./revocations.ts";

/** Raised when a change of ours would not be understood by an older agent. */
export const protocolVersion = 2;

/**
 * How far apart two hosts' clocks may be: a certificate is taken so much longer, so that a clock
 * that is a day ahead cuts nobody off.
 */
const clockSkewMs = 24 * 3_600_000;

/** The first frame of a link, each way. */
export type Hello = {
  readonly protocol: number;
  readonly certificate: Certificate;
  readonly boot: BootId;
  readonly name: string;
  /** Where this agent listens: `10.0.0.2:7790`. */
  readonly address: string;
  /** Of the revocations it knows, 16 bytes: they are compared before anything else is read. */
  readonly revocations: Uint8Array;
};

const helloBytes = 4096;

const helloSchema = v.object({
  protocol: v.pipe(v.number(), v.integer(), v.minValue(0)),
  certificate: certificateSchema,
  boot: branded(parseBootId),
  name: shortText(63),
  address: shortText(64),
  revocations: fixedBytes(16),
});

/** The frame. */
export function encodeHello(hello: Hello): Uint8Array {
  return encode(hello);
}

/** What a peer says of itself, or undefined where it is malformed. */
export function decodeHello(bytes: Uint8Array): Hello | undefined {
  const parsed = v.safeParse(helloSchema, decode(bytes, helloBytes));
  return parsed.success ? parsed.output : undefined;
}

/** Why we do not link with this peer, or undefined where we do. */
export function helloFault(
  peer: HostId,
  bytes: Uint8Array,
  judge: {
    readonly cluster: ClusterId;
    readonly crypto: Crypto;
    readonly revocations: Revocations;
    readonly wallMs: number;
  },
): string | undefined {
  const hello = decodeHello(bytes);
  if (hello === undefined) return "its hello is malformed";
  if (hello.protocol !== protocolVersion) {
    return `it speaks protocol ${hello.protocol} and we speak ${protocolVersion}: run one version`;
  }
  const { certificate } = hello;
  const fault = certificateFault(certificate, { cluster: judge.cluster, host: peer }, judge.crypto);
  if (fault !== undefined) return fault;
  const { notAfter = Number.POSITIVE_INFINITY } = certificate;
  if (judge.wallMs > notAfter + clockSkewMs) {
    return "its certificate has expired: it has to join again, or one of our clocks is wrong";
  }
  return judge.revocations.bar(certificate);
}
