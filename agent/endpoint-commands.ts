/**
 * Commands about endpoints and the addresses held for them. An endpoint that is asked for under an
 * id of the asker's is made once, however often it is asked for: a plugin's host asks again
 * whenever an answer was lost.
 */
import { type Ip, macFromBytes } from "../base/address.ts";
import { toHex } from "../base/bytes.ts";
import type { ErrorCode, Refusal } from "../base/errors.ts";
import { type EndpointId, type HostId, parseEndpointId } from "../base/id.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import type { InterfacePlace } from "../overlay/dataplane.ts";
import type { Addressing } from "./addressing.ts";
import { type Attachments, prefixFor } from "./attachments.ts";
import type { Answer, Command } from "./command.ts";
import { type Found, findEndpoint } from "./lookup.ts";
import type { Places } from "./places.ts";
import { endpointKey, endpointValue } from "./schema.ts";
import type { Endpoint, Network, Tables } from "./tables.ts";
import type { WaitReport } from "./view.ts";
import { endpointView, hostRef, type Scene } from "./views.ts";

type Of<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;
type Add = Of<"endpoint-add">;

/** What changes endpoints, or addresses held for them. */
export type EndpointCommand =
  | Add
  | Of<"endpoint-remove" | "endpoint-rename">
  | Of<"address-reserve" | "address-release">;

/** How a command that changed something ends. */
export type Ending = {
  readonly waitMs: number | undefined;
  readonly now: Instant;
  readonly refusal: Refusal | undefined;
  readonly answer: (wait: WaitReport | undefined) => Answer;
};

/** What they are answered from, and changed through. */
export type EndpointCommandsOptions = {
  readonly self: HostId;
  readonly tables: Tables;
  readonly attachments: Attachments;
  readonly places: Places;
  readonly addressing: Addressing;
  readonly random: Random;
  readonly scene: () => Scene;
  /** How long an endpoint waits for addresses that other hosts must grant. */
  readonly addressMs: number;
  readonly write: (
    writes: readonly { key: ReturnType<typeof endpointKey>; value: Uint8Array }[],
  ) => number;
  readonly answer: (ticket: number, answer: Answer) => void;
  readonly finish: (ticket: number, ending: Ending) => void;
  /** Tells when a write is on disk, or with a refusal that it is not. */
  readonly whenWritten: (
    written: number,
    then: (refusal: Refusal | undefined, now: Instant) => void,
  ) => void;
};

/** An address that others have been asked for. */
type Holding = { readonly ticket: number; readonly want: Parameters<Addressing["hold"]>[0] };

/** Who waits for an endpoint that is being made. */
type Asker = { readonly ticket: number; readonly waitMs: number | undefined };

/** The desk's part for endpoints. */
export class EndpointCommands {
  readonly #options: EndpointCommandsOptions;
  readonly #making = new Map<EndpointId, { readonly command: Add; readonly askers: Asker[] }>();
  #holding: readonly Holding[] = [];

  constructor(options: EndpointCommandsOptions) {
    this.#options = options;
  }

  add(ticket: number, network: Network, command: Add, now: Instant): Answer | undefined {
    const { random, tables } = this.#options;
    const { id = parseEndpointId(toHex(random.bytes(8))) as EndpointId, waitMs } = command;
    const making = this.#making.get(id);
    if (making !== undefined) {
      if (!isSameWish(making.command, command)) return taken(id, "is being made");
      making.askers.push({ ticket, waitMs });
      return undefined;
    }
    const known = tables.endpoints.get(id);
    if (known !== undefined) return this.#addAgain(ticket, known, { network, command, now });
    this.#making.set(id, { command, askers: [{ ticket, waitMs }] });
    this.#make(id, network, command, now);
    return undefined;
  }

  remove(ticket: number, command: Of<"endpoint-remove">): Answer | undefined {
    const found = this.#own(command.endpoint, "remove");
    if (found.kind === "refused") return found;
    const { attachments, whenWritten, finish } = this.#options;
    const { id } = found.item;
    whenWritten(attachments.withdraw(id), (refusal, now) => {
      const answer = (wait: WaitReport | undefined): Answer => ({ kind: "removed", id, wait });
      finish(ticket, { waitMs: command.waitMs, now, refusal, answer });
    });
    return undefined;
  }

  rename(ticket: number, command: Of<"endpoint-rename">): Answer | undefined {
    const found = this.#own(command.endpoint, "rename");
    if (found.kind === "refused") return found;
    const { write, whenWritten, finish } = this.#options;
    const { id } = found.item;
    const { name, aliases, waitMs } = command;
    const value = endpointValue({ ...found.item, name, aliases });
    whenWritten(write([{ key: endpointKey(id), value }]), (refusal, now) =>
      finish(ticket, { waitMs, now, refusal, answer: (wait) => this.#view(id, wait) }),
    );
    return undefined;
  }

  hold(
    ticket: number,
    network: Network,
    command: Of<"address-reserve">,
    now: Instant,
  ): Answer | undefined {
    const { address: ip, family, holder } = command;
    const want = { network: network.id, family, ip, holder, since: now, now };
    return this.#tryHold({ ticket, want }, now);
  }

  endHold(network: Network, { address }: Of<"address-release">): Answer {
    this.#options.addressing.endHold(network.id, address);
    return this.#address(network, address);
  }

  /** New addresses may have come, or none will: tries all who wait again. */
  retry(now: Instant): void {
    const waiting = this.#holding;
    this.#holding = [];
    for (const holding of waiting) {
      const answer = this.#tryHold(holding, now);
      if (answer !== undefined) this.#options.answer(holding.ticket, answer);
    }
  }

  #make(id: EndpointId, network: Network, command: Add, now: Instant): void {
    const { random, attachments, whenWritten } = this.#options;
    const { name, aliases, mac, place, owner, addresses } = command;
    attachments.make(
      {
        ...{ id, network, name, aliases, mac, place, owner },
        spareMac: macFromBytes(random.bytes(5)),
        asked: addresses,
        until: now + this.#options.addressMs,
        done: (outcome) => {
          if (outcome.kind === "refused") this.#refuse(id, outcome.refusal);
          else whenWritten(outcome.ticket, (refusal, at) => this.#made(id, refusal, at));
        },
      },
      now,
    );
  }

  #refuse(id: EndpointId, refusal: Refusal): void {
    const { askers = [] } = this.#making.get(id) ?? {};
    this.#making.delete(id);
    for (const { ticket } of askers) this.#options.answer(ticket, { kind: "refused", refusal });
  }

  #made(id: EndpointId, refusal: Refusal | undefined, now: Instant): void {
    const { attachments, finish } = this.#options;
    const { askers = [] } = this.#making.get(id) ?? {};
    this.#making.delete(id);
    // Also where the record means nothing any more: this host may have been forgotten meanwhile.
    if (refusal === undefined) attachments.recorded(id);
    else attachments.unrecorded(id);
    for (const { ticket, waitMs } of askers)
      finish(ticket, { waitMs, now, refusal, answer: (wait) => this.#view(id, wait) });
  }

  #addAgain(
    ticket: number,
    known: Endpoint,
    { network, command, now }: { network: Network; command: Add; now: Instant },
  ): Answer | undefined {
    const { self, scene, places, finish } = this.#options;
    const { id, host, name, aliases, mac, ips } = known;
    if (host !== self) return taken(id, `lives on host ${hostRef(scene(), host).name}`);
    const place = places.get(id);
    // Who asks for no names does not mind those that it was given since.
    const isNamed = command.name !== undefined || command.aliases.length > 0;
    const labels = isNamed ? { name, aliases } : {};
    const isSame =
      place !== undefined &&
      known.network === network.id &&
      isSameWish({ ...command, ...labels, place, owner: place.owner }, command) &&
      command.addresses.every((ip) => ips.includes(ip)) &&
      (command.mac ?? mac) === mac;
    if (!isSame) return taken(id, "is there already");
    const { waitMs } = command;
    finish(ticket, {
      ...{ waitMs, now, refusal: undefined },
      answer: (wait) => this.#view(id, wait),
    });
    return undefined;
  }

  #own(ref: string, verb: string): Found<Endpoint> {
    const { tables, self, scene } = this.#options;
    const found = findEndpoint(tables, ref);
    if (found.kind === "refused" || found.item.host === self) return found;
    const { name } = hostRef(scene(), found.item.host);
    const message = `endpoint ${ref} lives on host ${name}; ${verb} it there`;
    return { kind: "refused", refusal: { code: "BAD_REQUEST", message } };
  }

  #tryHold({ ticket, want }: Holding, now: Instant): Answer | undefined {
    const { addressing, tables, addressMs } = this.#options;
    const network = tables.networks.get(want.network);
    if (network === undefined) return refused("UNKNOWN_NETWORK", "the network was removed");
    const outcome = addressing.hold({ ...want, now });
    if (outcome.kind === "refused") return outcome;
    if (outcome.kind === "allocated") return this.#address(network, outcome.ips[0] as Ip);
    if (now >= want.since + addressMs) return { kind: "refused", refusal: outcome.refusal };
    this.#holding = [...this.#holding, { ticket, want }];
    return undefined;
  }

  #address({ id, name, subnets }: Network, ip: Ip): Answer {
    const holder = this.#options.addressing.holderOf(id, ip);
    const address = `${ip}/${prefixFor(ip, subnets)}`;
    return { kind: "address", address: { network: { id, name }, address, holder } };
  }

  #view(id: EndpointId, wait: WaitReport | undefined): Answer {
    const endpoint = this.#options.tables.endpoints.get(id);
    return endpoint === undefined
      ? refused("UNKNOWN_ENDPOINT", `endpoint ${id} was removed meanwhile`)
      : { kind: "endpoint", endpoint: endpointView(this.#options.scene(), endpoint), wait };
  }
}

/** Whether both ask for the same endpoint; how long they wait does not matter. */
function isSameWish(a: Add, b: Add): boolean {
  return (
    a.network === b.network &&
    a.name === b.name &&
    isSameList(a.aliases, b.aliases) &&
    isSamePlace(a.place, b.place) &&
    a.owner === b.owner &&
    isSameList(a.addresses, b.addresses) &&
    a.mac === b.mac
  );
}

function isSamePlace(a: InterfacePlace, b: InterfacePlace): boolean {
  if (a.kind === "link") return b.kind === "link" && a.link === b.link;
  return b.kind === "netns" && a.netns === b.netns && a.interface === b.interface;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item));
}

function taken(id: EndpointId, what: string): Answer {
  const message = `endpoint ${id} ${what}, and is not what is asked for; remove it first`;
  return refused("ENDPOINT_EXISTS", message);
}

function refused(code: ErrorCode, message: string): Answer {
  return { kind: "refused", refusal: { code, message } };
}
