/** What Docker's API says: its events, and its containers and networks when they are inspected. */
import * as v from "valibot";
import { type EndpointId, type Label, parseEndpointId, parseLabel } from "../base/id.ts";
import { type Body, bodies, plainOf } from "./docker-bodies.ts";
import { addressSpace } from "./docker-network.ts";

/** Something happened to a network or a container: ask what it is now. Ids are 64 hex digits. */
export type EngineEvent =
  | {
      readonly about: "network" | "container";
      readonly id: string;
      readonly change: "made" | "changed" | "removed";
    }
  /** A container is in a network from now on; it may still be starting. */
  | { readonly about: "attachment"; readonly id: string; readonly network: string };

const hex64 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const word = v.pipe(v.string(), v.maxLength(4_096));

const eventSchema = v.object({
  Type: word,
  Action: word,
  Actor: v.object({ ID: hex64, Attributes: v.nullish(v.record(v.string(), v.unknown()), {}) }),
});

/** One line of `GET /events`; undefined where it does not concern us. */
export function readEvent(line: string): EngineEvent | undefined {
  const parsed = v.safeParse(eventSchema, plainOf(line));
  if (!parsed.success) return undefined;
  const { Type, Action, Actor } = parsed.output;
  if (Type === "network" && Action === "create")
    return { about: "network", id: Actor.ID, change: "made" };
  if (Type === "network" && (Action === "destroy" || Action === "remove"))
    return { about: "network", id: Actor.ID, change: "removed" };
  if (Type === "network" && Action === "connect") {
    const container = v.safeParse(hex64, Actor.Attributes["container"]);
    if (!container.success) return undefined;
    return { about: "attachment", id: container.output, network: Actor.ID };
  }
  if (Type === "container" && ["start", "rename", "update"].includes(Action))
    return { about: "container", id: Actor.ID, change: "changed" };
  return undefined;
}

/** What an endpoint of a container is called. */
export type Naming = {
  /** Docker's id of the network. */
  readonly network: string;
  readonly endpoint: EndpointId;
  readonly name: Label | undefined;
  readonly aliases: readonly Label[];
};

const attachedSchema = v.object({
  NetworkID: v.nullish(word, ""),
  EndpointID: v.nullish(word, ""),
  Aliases: v.nullish(v.pipe(v.array(word), v.maxLength(1_024)), []),
});

const containerSchema = v.object({
  Id: hex64,
  Name: word,
  Config: v.nullish(v.object({ Labels: v.nullish(v.record(v.string(), v.unknown()), {}) }), {}),
  NetworkSettings: v.object({ Networks: v.nullish(v.record(v.string(), attachedSchema), {}) }),
});

/** Aliases of one endpoint: a container has a few. */
const aliasesAtMost = 16;

/** The names of a container's endpoints: `GET /containers/<id>/json`. */
export function readContainer(json: string): readonly Naming[] | undefined {
  const parsed = v.safeParse(containerSchema, plainOf(json));
  if (!parsed.success) return undefined;
  const { Name, Config, NetworkSettings } = parsed.output;
  const name = labelOf(Name.replace(/^\//, ""));
  const compose = Config.Labels?.["com.docker.compose.service"];
  return Object.values(NetworkSettings.Networks).flatMap((attached) => {
    const { NetworkID, EndpointID, Aliases } = attached;
    const endpoint = endpointIdOf(EndpointID);
    if (endpoint === undefined) return [];
    const words = [...Aliases, ...(typeof compose === "string" ? [compose] : [])];
    const labels = words.flatMap((each) => labelOf(each) ?? []).filter((each) => each !== name);
    const aliases = [...new Set(labels)].slice(0, aliasesAtMost).toSorted();
    return [{ network: NetworkID, endpoint, name, aliases }];
  });
}

/** A name of Docker's as one that can be asked for; dots would end a label. */
export function labelOf(name: string): Label | undefined {
  return parseLabel(name.toLowerCase().replaceAll(".", "-"));
}

/** Our id of an endpoint of Docker's: its first 16 digits. */
export function endpointIdOf(dockerId: string): EndpointId | undefined {
  return parseEndpointId(dockerId.slice(0, 16));
}

/** A network as Docker has it. */
export type Inspected = {
  readonly name: string;
  readonly driver: string;
  /** What `docker network create` asked of us. */
  readonly wish: Body<"CreateNetwork">;
  readonly attached: readonly {
    /** Docker's ids; a container that is no more has none. */
    readonly container: string | undefined;
    readonly endpoint: string;
    /** The container's name, as a name of ours. */
    readonly name: Label | undefined;
  }[];
};

const poolSchema = v.object({ Subnet: v.nullish(word, ""), Gateway: v.nullish(word, "") });

const memberSchema = v.object({ Name: v.nullish(word, ""), EndpointID: v.nullish(word, "") });

const networkSchema = v.object({
  Id: hex64,
  Name: word,
  Driver: word,
  Internal: v.nullish(v.boolean(), false),
  Options: v.nullish(v.record(v.string(), word), {}),
  IPAM: v.object({
    Driver: v.nullish(word, ""),
    Config: v.nullish(v.pipe(v.array(poolSchema), v.maxLength(16)), []),
  }),
  Containers: v.nullish(v.record(v.string(), memberSchema), {}),
});

/** `GET /networks/<id>`, with the wish in the words of a driver's call. */
export function readNetwork(json: string): Inspected | undefined {
  const parsed = v.safeParse(networkSchema, plainOf(json));
  if (!parsed.success) return undefined;
  const { Id, Name, Driver, Internal, Options, IPAM, Containers } = parsed.output;
  const parts = IPAM.Config.map(({ Subnet, Gateway }) => ({
    ...{ Pool: Subnet, Gateway },
    AddressSpace: IPAM.Driver === Driver ? addressSpace : IPAM.Driver,
  }));
  const isV6 = ({ Pool }: { readonly Pool: string }) => Pool.includes(":");
  const wish = v.safeParse(bodies.CreateNetwork, {
    NetworkID: Id,
    Options: { "com.docker.network.generic": Options, "com.docker.network.internal": Internal },
    IPv4Data: parts.filter((part) => !isV6(part)),
    IPv6Data: parts.filter(isV6),
  });
  if (!wish.success) return undefined;
  const attached = Object.entries(Containers).map(([id, { Name, EndpointID }]) => {
    const container = v.is(hex64, id) ? id : undefined;
    return { container, endpoint: EndpointID, name: labelOf(Name) };
  });
  return { name: Name, driver: Driver, wish: wish.output, attached };
}

const listSchema = v.pipe(v.array(v.object({ Id: hex64 })), v.maxLength(65_536));

/** `GET /info`: what this Docker calls itself, over its restarts. */
export function readEngineId(json: string): string | undefined {
  const parsed = v.safeParse(v.object({ ID: v.pipe(word, v.minLength(1)) }), plainOf(json));
  return parsed.success ? parsed.output.ID : undefined;
}

/** `GET /networks`: the ids. */
export function readList(json: string): string[] | undefined {
  const parsed = v.safeParse(listSchema, plainOf(json));
  return parsed.success ? parsed.output.map(({ Id }) => Id) : undefined;
}
