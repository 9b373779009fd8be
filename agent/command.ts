/**
 * What may be asked of an agent, and what it answers. The HTTP API is one way to ask; plugins will
 * be others.
 */
import type { Cidr, Family, Ip, Mac } from "../base/address.ts";
import type { Refusal } from "../base/errors.ts";
import type { EndpointId, Label, Name } from "../base/id.ts";
import type { InterfacePlace } from "../overlay/dataplane.ts";
import type {
  AddressView,
  AdminView,
  EndpointView,
  ForgottenView,
  HostRef,
  MemberView,
  NetworkView,
  RevocationView,
  StatusView,
  SubnetView,
  TokenView,
  WaitReport,
  WatchEvent,
} from "./view.ts";

/** How long a change may wait for other hosts' kernels, in milliseconds; undefined: do not wait. */
export type Wait = { readonly waitMs: number | undefined };

/** A question or a wish, parsed and complete. */
export type Command =
  | { readonly kind: "status" }
  | { readonly kind: "members" }
  | { readonly kind: "networks" }
  | { readonly kind: "network"; readonly network: string }
  | ({
      readonly kind: "network-create";
      readonly name: Name;
      readonly subnets: readonly Cidr[];
    } & Wait)
  | ({
      readonly kind: "network-remove";
      readonly network: string;
      readonly isForced: boolean;
    } & Wait)
  | { readonly kind: "endpoints"; readonly network: string | undefined }
  /** Those on this host whose owner begins so: few of many, for whoever asks often. */
  | { readonly kind: "endpoints-owned"; readonly owner: string }
  | { readonly kind: "endpoint"; readonly endpoint: string }
  | ({
      readonly kind: "endpoint-add";
      readonly network: string;
      /** Asked for again with the same wishes, it is the one there is. Undefined: a new one. */
      readonly id: EndpointId | undefined;
      readonly name: Name | Label | undefined;
      readonly aliases: readonly Label[];
      readonly place: InterfacePlace;
      /** Whose it is, for whoever has to find its own again: `cni/<network>/<container>/eth0`. */
      readonly owner: string | undefined;
      readonly addresses: readonly Ip[];
      readonly mac: Mac | undefined;
    } & Wait)
  | ({ readonly kind: "endpoint-remove"; readonly endpoint: string } & Wait)
  | ({
      readonly kind: "endpoint-rename";
      readonly endpoint: string;
      readonly name: Name | Label | undefined;
      readonly aliases: readonly Label[];
    } & Wait)
  /** Holds an address for an endpoint that is about to be made of it; asked again, for longer. */
  | {
      readonly kind: "address-reserve";
      readonly network: string;
      /** Undefined: any of the family, another one each time. */
      readonly address: Ip | undefined;
      readonly family: Family;
      /** For whom. Who had an address lately gets it back. */
      readonly holder: string;
    }
  /** An address that is not held stays as it is. */
  | { readonly kind: "address-release"; readonly network: string; readonly address: Ip }
  | { readonly kind: "ipam"; readonly network: string | undefined }
  | ({ readonly kind: "forget"; readonly host: string; readonly isForced: boolean } & Wait)
  /** `waitMs`: the answer comes by then, done or not; the host goes on leaving. */
  | { readonly kind: "leave"; readonly isForced: boolean; readonly waitMs: number }
  | AdmissionCommand;

/** What concerns who may be in the cluster. */
export type AdmissionCommand =
  | { readonly kind: "token" }
  | { readonly kind: "token-create"; readonly uses: number; readonly expiresMs: number }
  | { readonly kind: "tokens" }
  | { readonly kind: "token-remove"; readonly token: string }
  | { readonly kind: "admins" }
  | { readonly kind: "admin-add"; readonly host: string }
  | { readonly kind: "admin-remove"; readonly host: string; readonly isForced: boolean }
  | { readonly kind: "revocations" }
  | { readonly kind: "revoke"; readonly host: string; readonly isForced: boolean };

/**
 * Networks and endpoints are named by id, unique id prefix (at least 4 digits) or name; endpoints
 * also `name.network`. Hosts are named by id, by the end of an id, or by name.
 */
export type Answer =
  | { readonly kind: "status"; readonly status: StatusView }
  | { readonly kind: "members"; readonly members: readonly MemberView[] }
  | { readonly kind: "networks"; readonly networks: readonly NetworkView[] }
  | {
      readonly kind: "network";
      readonly network: NetworkView;
      readonly wait: WaitReport | undefined;
    }
  | { readonly kind: "endpoints"; readonly endpoints: readonly EndpointView[] }
  | {
      readonly kind: "endpoint";
      readonly endpoint: EndpointView;
      readonly wait: WaitReport | undefined;
    }
  | { readonly kind: "removed"; readonly id: string; readonly wait: WaitReport | undefined }
  /** An address is held, or is so no more. */
  | { readonly kind: "address"; readonly address: AddressView }
  | {
      readonly kind: "token";
      readonly id: string;
      readonly token: string;
      readonly command: string;
    }
  | { readonly kind: "tokens"; readonly tokens: readonly TokenView[] }
  | { readonly kind: "admins"; readonly admins: readonly AdminView[] }
  | { readonly kind: "revocations"; readonly revocations: readonly RevocationView[] }
  /** An admin was made or unmade, or a host revoked; false: that was so already. */
  | { readonly kind: "host"; readonly host: HostRef; readonly isNew: boolean }
  | { readonly kind: "ipam"; readonly ipam: readonly SubnetView[] }
  | {
      readonly kind: "forgotten";
      readonly forgotten: ForgottenView;
      readonly wait: WaitReport | undefined;
    }
  /** `obstacle`: it has not left yet, and why. */
  | { readonly kind: "left"; readonly obstacle: string | undefined }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Where commands are asked: the loop implements it, the control server and plugins use it. */
export interface Desk {
  /** Answers every command exactly once, also when shutting down. Rejects only on a bug. */
  ask(command: Command): Promise<Answer>;
  /** Every later change, in order. Returns how to stop. */
  watch(listener: (event: WatchEvent) => void): () => void;
}
