/** How people name things: by id, by the start of an id, or by name. Two answers are no answer. */
import type { Refusal } from "../base/errors.ts";
import type { HostId } from "../base/id.ts";
import type { Endpoint, Network, Tables } from "./tables.ts";

const shortestPrefix = 4;

/** The one thing that was meant, or why there is not one. */
export type Found<Item> =
  | { readonly kind: "found"; readonly item: Item }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** A network by id, id prefix or name; of several with one name, the oldest, which owns it. */
export function findNetwork(tables: Tables, ref: string): Found<Network> {
  const networks = tables.shownNetworks();
  const byId = networks.filter(({ id }) => isIdRef(id, ref));
  const byName = networks.filter(({ name }) => name === ref);
  const oldest = byName
    .toSorted((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1))
    .slice(0, 1);
  const candidates = oldest.length > 0 ? oldest : byId;
  return only(candidates, {
    code: "UNKNOWN_NETWORK",
    none: `there is no network ${ref}${known(networks.map(({ name }) => name))}`,
    many: `${ref} stands for several networks: ${candidates.map(({ id }) => id).join(", ")}`,
  });
}

/** An endpoint by id, id prefix, `name` or `name.network`. */
export function findEndpoint(tables: Tables, ref: string): Found<Endpoint> {
  const endpoints = [...tables.endpoints.values()].filter(({ network }) => tables.isShown(network));
  const [name, networkName] = ref.split(".") as [string, string | undefined];
  const byName = endpoints.filter((endpoint) => {
    const network = tables.networks.get(endpoint.network);
    return endpoint.name === name && (networkName === undefined || network?.name === networkName);
  });
  const candidates = byName.length > 0 ? byName : endpoints.filter(({ id }) => isIdRef(id, ref));
  return only(candidates, {
    code: "UNKNOWN_ENDPOINT",
    none: `there is no endpoint ${ref}; "starling endpoint ls" lists them`,
    many: `${ref} stands for several endpoints: ${candidates.map(({ id }) => id).join(", ")}; use an id`,
  });
}

/** Any host that is known, by name, id, or the end of its id; the start is the same for all. */
export function findHost(hosts: ReadonlyMap<HostId, string>, ref: string): Found<HostId> {
  const all = [...hosts];
  const byName = all.filter(([, name]) => name === ref);
  const byId = all.filter(([id]) => ref.length >= shortestPrefix && id.endsWith(ref));
  const candidates = (byName.length > 0 ? byName : byId).map(([id]) => id);
  return only(candidates, {
    code: "UNKNOWN_HOST",
    none: `there is no host ${ref}; "starling members" lists them`,
    many: `${ref} stands for several hosts: ${candidates.join(", ")}; use an id`,
  });
}

function isIdRef(id: string, ref: string): boolean {
  return ref.length >= shortestPrefix && id.startsWith(ref);
}

function known(names: readonly string[]): string {
  const some = [...new Set(names)].toSorted().slice(0, 8);
  return some.length === 0
    ? "; none exists yet: starling network create"
    : `; there are: ${some.join(", ")}`;
}

function only<Item>(
  candidates: readonly Item[],
  texts: { readonly code: Refusal["code"]; readonly none: string; readonly many: string },
): Found<Item> {
  const [item, second] = candidates;
  if (item === undefined) {
    return { kind: "refused", refusal: { code: texts.code, message: texts.none } };
  }
  return second === undefined
    ? { kind: "found", item }
    : { kind: "refused", refusal: { code: "BAD_REQUEST", message: texts.many } };
}
