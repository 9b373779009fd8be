declare const brand: unique symbol;

/** A string that a parser has vouched for; two brands do not mix. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A host: the text form of its libp2p peer id (Ed25519, so the id holds the public key). */
export type HostId = Brand<string, "HostId">;
/** A cluster: 64 hex digits, the SHA-256 of its root public key. */
export type ClusterId = Brand<string, "ClusterId">;
/** A network: 16 hex digits drawn at random by its creator. Its name is only a label. */
export type NetworkId = Brand<string, "NetworkId">;
/** An endpoint: 16 hex digits, drawn at random by its host or given by a plugin there. */
export type EndpointId = Brand<string, "EndpointId">;
/** One run of one agent: 16 hex digits, new at every start. */
export type BootId = Brand<string, "BootId">;

/** The parsed host id, or undefined where the text is no Ed25519 peer id. */
export function parseHostId(text: string): HostId | undefined {
  return /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(text) ? (text as HostId) : undefined;
}

/** The parsed cluster id, or undefined. */
export function parseClusterId(text: string): ClusterId | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? (text as ClusterId) : undefined;
}

/** The parsed network id, or undefined. */
export function parseNetworkId(text: string): NetworkId | undefined {
  return isHex16(text) ? (text as NetworkId) : undefined;
}

/** The parsed endpoint id, or undefined. */
export function parseEndpointId(text: string): EndpointId | undefined {
  return isHex16(text) ? (text as EndpointId) : undefined;
}

/** The parsed boot id, or undefined. */
export function parseBootId(text: string): BootId | undefined {
  return isHex16(text) ? (text as BootId) : undefined;
}

function isHex16(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/**
 * A name an operator gives to a host, network or endpoint: a DNS label (RFC 1123), 1 to 63
 * characters.
 */
export type Name = Brand<string, "Name">;

/** The parsed name, or undefined where it is no lower-case DNS label. */
export function parseName(text: string): Name | undefined {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text) ? (text as Name) : undefined;
}

/**
 * What an endpoint may be called: a name in which underscores may stand too, as they do in those of
 * containers. Every name is one.
 */
export type Label = Brand<string, "Label">;

/** The parsed label, or undefined. */
export function parseLabel(text: string): Label | undefined {
  return /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(text) ? (text as Label) : undefined;
}

/** A runtime's name for a container as a label: capitals and dots, which it allows, DNS has not. */
export function labelOf(name: string): Label | undefined {
  const text = name.toLowerCase().replaceAll(/[^a-z0-9_-]/g, "-");
  return parseLabel(text.slice(0, 63).replaceAll(/^-+|-+$/g, ""));
}
