/**
 * Where the interfaces of this host's endpoints are: what only this host knows of them, and keeps
 * beside the map.
 */
import * as v from "valibot";
import { decode, encode } from "../base/codec.ts";
import type { EndpointId } from "../base/id.ts";
import { shortText } from "../base/schema.ts";
import type { InterfacePlace } from "../overlay/dataplane.ts";
import type { JournalOp } from "../store/journal.ts";
import { limits } from "./config.ts";

/** The place of one endpoint, and whose it is. */
export type Place = (
  | (Extract<InterfacePlace, { kind: "netns" }> & { readonly netnsInode: number })
  | Extract<InterfacePlace, { kind: "link" }>
) & { readonly owner: string | undefined };

const owner = v.optional(shortText(256));
const placeSchema = v.union([
  v.strictObject({ netns: shortText(4096), inode: v.number(), interface: shortText(15), owner }),
  v.strictObject({ link: shortText(15), owner }),
]);

const placePrefix = "attachment/";

/** Places by endpoint. Each change is to be written with the record that it belongs to. */
export class Places {
  readonly #places = new Map<EndpointId, Place>();
  readonly #missing = new Set<EndpointId>();

  get(id: EndpointId): Place | undefined {
    return this.#places.get(id);
  }

  /** Whether the kernel lacked the link when it was last looked at. */
  isMissing(id: EndpointId): boolean {
    return this.#missing.has(id);
  }

  noteMissing(id: EndpointId, isMissing: boolean): void {
    if (isMissing) this.#missing.add(id);
    else this.#missing.delete(id);
  }

  set(id: EndpointId, place: Place): JournalOp {
    this.#places.set(id, place);
    return placeOp(id, encode(rowOf(place)));
  }

  /** What the journal must forget. */
  removal(id: EndpointId): JournalOp {
    return placeOp(id, undefined);
  }

  delete(id: EndpointId): void {
    this.#places.delete(id);
    this.#missing.delete(id);
  }

  /** What the journal held. Returns false where the row makes no sense. */
  restore(key: string, value: Uint8Array): boolean {
    const parsed = v.safeParse(placeSchema, decode(value, limits.valueBytes));
    if (!key.startsWith(placePrefix) || !parsed.success) return false;
    this.#places.set(key.slice(placePrefix.length) as EndpointId, placeOf(parsed.output));
    return true;
  }
}

function rowOf(place: Place): v.InferInput<typeof placeSchema> {
  const whose = place.owner === undefined ? {} : { owner: place.owner };
  if (place.kind === "link") return { link: place.link, ...whose };
  return { netns: place.netns, inode: place.netnsInode, interface: place.interface, ...whose };
}

function placeOf(row: v.InferOutput<typeof placeSchema>): Place {
  if ("link" in row) return { kind: "link", link: row.link, owner: row.owner };
  const { netns, inode, interface: name } = row;
  return { kind: "netns", netns, netnsInode: inode, interface: name, owner: row.owner };
}

function placeOp(id: EndpointId, value: Uint8Array | undefined): JournalOp {
  return { table: "local", key: `${placePrefix}${id}`, value };
}
