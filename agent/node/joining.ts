/**
 * Getting in: asks the seeds in turn, again and again and less and less often, until one lets us in
 * or says no for good.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Crypto } from "../../base/crypto.ts";
import { describeError, type ErrorCode, MeshError, type Refusal } from "../../base/errors.ts";
import type { HostId } from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { Certificate } from "../../membership/certificate.ts";
import { type JoinAnswer, joinRequest, readJoinAnswer } from "../../membership/join.ts";
import type { Token } from "../../membership/token.ts";
import type { Transport } from "../../membership/transport.ts";
import { timing } from "../config.ts";

/** What joining takes. */
export type Joining = {
  readonly transport: Pick<Transport, "join">;
  readonly seeds: readonly string[];
  readonly token: Token;
  readonly host: HostId;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Told what went wrong and when the next try is, for `status`. */
  readonly tried: (problem: string) => void;
};

/** Answers that will be the same the next time. */
const final: ReadonlySet<ErrorCode> = new Set([
  "TOKEN_REFUSED",
  "TOKEN_EXPIRED",
  "TOKEN_USED_UP",
  "REVOKED",
]);

/**
 * The certificate that makes this host a member. Throws a MeshError where trying again is no use:
 * TOKEN_REFUSED, TOKEN_EXPIRED, TOKEN_USED_UP, REVOKED. Rejects with the signal's reason where the
 * run ends before.
 */
export async function joinCluster(joining: Joining): Promise<Certificate> {
  const { seedMinMs, seedMaxMs } = timing.dialer;
  for (let pauseMs: number = seedMinMs; ; pauseMs = Math.min(2 * pauseMs, seedMaxMs)) {
    const refusals: Refusal[] = [];
    for (const seed of joining.seeds) {
      joining.signal.throwIfAborted();
      const answer = await askSeed(seed, joining);
      if (answer.kind === "admitted") return answer.certificate;
      const { code, message } = answer.refusal;
      if (final.has(code))
        refusals.push({ code, message: `${seed} does not let us in: ${message}` });
      joining.log.warn("not yet joined", { address: seed, reason: message, ms: pauseMs });
      joining.tried(`${seed}: ${message}; next try in ${(pauseMs / 1000).toFixed(1)} s`);
    }
    const [first] = refusals;
    if (first !== undefined && refusals.length === joining.seeds.length) {
      throw new MeshError(first.code, refusals.map(({ message }) => message).join("; "));
    }
    await sleep(pauseMs, undefined, { signal: joining.signal });
  }
}

async function askSeed(seed: string, joining: Joining): Promise<JoinAnswer> {
  const { transport, token, host, crypto, random } = joining;
  const nonce = random.bytes(16);
  try {
    const claim = { host, nonce };
    const answer = await transport.join(seed, joinRequest(token, claim, crypto));
    return readJoinAnswer(answer, { lock: token, claim }, crypto);
  } catch (error) {
    const code = error instanceof MeshError ? error.code : "INTERNAL";
    return { kind: "refused", refusal: { code, message: describeError(error) } };
  }
}
