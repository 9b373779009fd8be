/**
 * A member gone bad. It has a genuine certificate and its own key, and says whatever it likes: what
 * others never wrote, old news as new, halves of messages, two things at one version.
 */
import { decodeEnvelope, type Envelope, encodeEnvelope } from "../../agent/envelope.ts";
import type { NetworkId } from "../../base/id.ts";
import { pick, type Random } from "../../base/random.ts";
import type { Delta } from "../../store/delta.ts";
import { signHead } from "../../store/head.ts";
import type { Cluster } from "./cluster.ts";
import { simulatedCrypto } from "./crypto.ts";
import type { SimulatedHost } from "./host.ts";

type Misdeed = (villain: Villain) => Uint8Array | undefined;

export class Villain {
  readonly host: SimulatedHost;
  readonly cluster: Cluster;
  readonly random: Random;

  constructor(cluster: Cluster, host: SimulatedHost, random: Random) {
    this.host = host;
    this.cluster = cluster;
    this.random = random;
    cluster.witness.distrust(host.id);
    cluster.network.tamper(host.id, (frame) => this.#garble(frame));
  }

  /** One misdeed, on a link or by gossip. */
  act(): void {
    if (!this.host.isUp) return;
    const misdeed = pick(this.random, misdeeds);
    const bytes = misdeed?.act(this);
    if (misdeed === undefined || bytes === undefined) return;
    this.cluster.does(`villain: ${misdeed.name}`, this.host);
    const peer = pick(this.random, this.cluster.network.peersOf(this.host.id));
    if (peer === undefined) return;
    if (this.random.below(2) === 0) this.cluster.network.publish(this.host.id, bytes);
    else this.cluster.network.send(this.host.id, peer, bytes);
  }

  /** A delta that somebody gossiped, if not of our own. */
  overheard(): Delta | undefined {
    const bytes = this.cluster.network.overheard(this.random);
    const envelope = bytes && decodeEnvelope(bytes);
    if (envelope?.kind !== "delta" || envelope.delta.head.origin === this.host.id) return undefined;
    return envelope.delta;
  }

  /** Frames that it serves to others' pulls. */
  #garble(frame: Uint8Array): Uint8Array {
    if (this.random.below(4) > 0) return frame;
    this.cluster.mark("villain: garbled a transfer");
    return this.random.below(2) === 0 ? cutShort(this.random, frame) : flipped(this.random, frame);
  }
}

const misdeeds: readonly { readonly name: string; readonly act: Misdeed }[] = [
  { name: "altered a value", act: alter },
  { name: "left a change out", act: omit },
  { name: "spoke for another", act: impersonate },
  { name: "sent half a message", act: halve },
  { name: "sent noise", act: ({ random }) => random.bytes(1 + random.below(200)) },
  { name: "repeated old news", act: ({ cluster, random }) => cluster.network.overheard(random) },
  { name: "said two things at once", act: equivocate },
  { name: "answered what nobody asked", act: chatter },
];

function alter(villain: Villain): Uint8Array | undefined {
  const delta = villain.overheard();
  const victim = delta?.changes.find(({ value }) => value !== undefined);
  if (delta === undefined || victim?.value === undefined) return undefined;
  const value = flipped(villain.random, victim.value);
  const changes = delta.changes.map((change) =>
    change === victim ? { ...change, value } : change,
  );
  return encodeEnvelope({ kind: "delta", delta: { ...delta, changes } });
}

function omit(villain: Villain): Uint8Array | undefined {
  const delta = villain.overheard();
  if (delta === undefined || delta.changes.length === 0) return undefined;
  return encodeEnvelope({ kind: "delta", delta: { ...delta, changes: delta.changes.slice(1) } });
}

/** A newer head of somebody else, signed with the only key it has: its own. */
function impersonate(villain: Villain): Uint8Array | undefined {
  const delta = villain.overheard();
  if (delta === undefined) return undefined;
  const { signature: _, ...head } = delta.head;
  const forged = signHead({ ...head, seq: head.seq + 1 }, simulatedCrypto(villain.host.id));
  const changes = delta.changes.map((change) => ({ ...change, seq: forged.seq }));
  return encodeEnvelope({ kind: "delta", delta: { ...delta, head: forged, changes } });
}

function halve(villain: Villain): Uint8Array | undefined {
  const bytes = villain.cluster.network.overheard(villain.random);
  return bytes && cutShort(villain.random, bytes);
}

/** Another state at the version it has already told everybody about, genuinely signed. */
function equivocate({ cluster, host, random }: Villain): Uint8Array | undefined {
  const head = cluster.witness.view(host.id).heads.get(host.id);
  if (head === undefined) return undefined;
  const { signature: _, ...rest } = head;
  const other = signHead({ ...rest, commitment: random.bytes(32) }, simulatedCrypto(host.id));
  return encodeEnvelope({ kind: "head", head: other });
}

function chatter({ cluster, random, host }: Villain): Uint8Array {
  const other = pick(random, cluster.hosts) ?? host;
  const network = "0123456789abcdef" as NetworkId;
  const request = "0123456789abcdef";
  const version = { epoch: random.below(100), seq: random.below(1_000_000) };
  const messages: readonly Envelope[] = [
    { kind: "applied", origin: other.id, ...version },
    { kind: "confirm", ...version },
    { kind: "deny", network, request, reason: "because" },
    { kind: "ask", network, request, size: random.below(2 ** 31), family: 4, ip: undefined },
    { kind: "doubt", host: other.id, nonce: random.below(1_000_000) },
  ];
  return encodeEnvelope(messages[random.below(messages.length)] as Envelope);
}

function cutShort(random: Random, bytes: Uint8Array): Uint8Array {
  return bytes.slice(0, random.below(Math.max(1, bytes.length)));
}

function flipped(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const at = random.below(Math.max(1, copy.length));
  copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
  return copy;
}
