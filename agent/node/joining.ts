/**
 * Getting in: asks the seeds in turn, again and again and less and less often, until one lets us in
 * or says no for good.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Crypto } from "../../base/crypto.ts";
import { describeError, MeshError } from "../../base/errors.ts";
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

/**
 * The certificate that makes this host a member. Throws a MeshError where trying again is no use:
 * TOKEN_REFUSED. Rejects with the signal's reason where the run ends before.
 */
export async function joinCluster(joining: Joining): Promise<Certificate> {
  const { seedMinMs, seedMaxMs } = timing.dialer;
  for (let pauseMs: number = seedMinMs; ; pauseMs = Math.min(2 * pauseMs, seedMaxMs)) {
    const refusals: string[] = [];
    for (const seed of joining.seeds) {
      joining.signal.throwIfAborted();
      const answer = await askSeed(seed, joining);
      if (answer.kind === "admitted") return answer.certificate;
      const { code, message } = answer.refusal;
      if (code === "TOKEN_REFUSED") refusals.push(`${seed} does not let us in: ${message}`);
      joining.log.warn("not yet joined", { address: seed, reason: message, ms: pauseMs });
      joining.tried(`${seed}: ${message}; next try in ${(pauseMs / 1000).toFixed(1)} s`);
    }
    if (refusals.length === joining.seeds.length) {
      throw new MeshError("TOKEN_REFUSED", refusals.join("; "));
    }
    await sleep(pauseMs, undefined, { signal: joining.signal });
  }
}

async function askSeed(seed: string, joining: Joining): Promise<JoinAnswer> {
  const { transport, token, host, crypto, random } = joining;
  const nonce = random.bytes(16);
  try {
    const answer = await transport.join(seed, joinRequest(token, { host, nonce }, crypto));
    return readJoinAnswer(answer, { token, host }, crypto);
  } catch (error) {
    const code = error instanceof MeshError ? error.code : "INTERNAL";
    return { kind: "refused", refusal: { code, message: describeError(error) } };
  }
}
