/** What a body says in two fields that belong together, or in one that another makes needless. */
import { familyOf, type Ip, parseIp } from "../../base/address.ts";
import { MeshError } from "../../base/errors.ts";
import type { InterfacePlace } from "../../overlay/dataplane.ts";
import type { Command } from "../command.ts";

/** Where an interface is to go. Throws a MeshError BAD_REQUEST. */
export function placeIn({
  netns,
  interface: name,
  link,
}: {
  readonly netns?: string | undefined;
  readonly interface?: string | undefined;
  readonly link?: string | undefined;
}): InterfacePlace {
  if (link === undefined) {
    if (netns === undefined) throw wrong("the field netns is missing");
    return { kind: "netns", netns, interface: name ?? "eth0" };
  }
  if (netns !== undefined) throw wrong("netns and link: expected one of the two");
  if (name !== undefined) throw wrong("interface: expected no name inside for a link");
  return { kind: "link", link };
}

/** The wish for an address. Throws a MeshError BAD_REQUEST. */
export function holdIn({
  network,
  address,
  family,
  holder,
}: {
  readonly network: string;
  readonly address?: Ip | undefined;
  readonly family?: 4 | 6 | undefined;
  readonly holder: string;
}): Command {
  const implied = address === undefined ? (family ?? 4) : familyOf(address);
  if (family !== undefined && family !== implied)
    throw wrong(`family: ${address} is an IPv${implied} address`);
  return { kind: "address-reserve", network, address, family: implied, holder };
}

/** The address in a path. Throws a MeshError BAD_REQUEST. */
export function addressIn(text: string): Ip {
  const ip = parseIp(text);
  if (ip === undefined) throw wrong(`${JSON.stringify(text.slice(0, 64))} is not an IP address`);
  return ip;
}

function wrong(message: string): MeshError {
  return new MeshError("BAD_REQUEST", message);
}
