/**
 * A host's kernel in a simulation: it does what it is told, outlives its agent, and lets others
 * change it.
 */
import { type Ip, type Mac, parseIp, type Vni } from "../../base/address.ts";
import type { Refusal } from "../../base/errors.ts";
import type { EndpointId } from "../../base/id.ts";
import type {
  Actual,
  ActualGuard,
  ActualSegment,
  Attachment,
  DataplaneOp,
  RemoteEntry,
  Segment,
} from "../../overlay/dataplane.ts";
import { actualOf } from "../../overlay/expected.ts";

/** Where no host of ours is. */
const elsewhere = parseIp("192.0.2.1") as Ip;

type Held = { segment: Segment; hasVxlan: boolean };

export class Kernel {
  readonly #held = new Map<Vni, Held>();
  #guard: ActualGuard = { kind: "absent" };
  /** Namespaces of containers, by path: their inode, and the endpoint attached. */
  readonly namespaces = new Map<
    string,
    { readonly inode: number; readonly endpoints: Set<EndpointId> }
  >();
  readonly #ports = new Map<
    EndpointId,
    {
      vni: Vni | undefined;
      readonly netns: string | undefined;
      readonly link: string | undefined;
      readonly mac: Mac;
    }
  >();
  #inode = 100;

  /** A container starts: its namespace appears. */
  addNamespace(path: string): void {
    this.#inode += 1;
    this.namespaces.set(path, { inode: this.#inode, endpoints: new Set() });
  }

  /** A container ends: its namespace goes, and the ports of its interfaces with it. */
  removeNamespace(path: string): void {
    for (const endpoint of this.namespaces.get(path)?.endpoints ?? []) this.#ports.delete(endpoint);
    this.namespaces.delete(path);
  }

  /** Endpoints that have an interface here. */
  ports(): EndpointId[] {
    return [...this.#ports.keys()];
  }

  /** Those that are on a bridge: where another belongs only its agent knows. */
  plugged(): EndpointId[] {
    return this.ports().filter((id) => this.#ports.get(id)?.vni !== undefined);
  }

  /** VTEPs whose frames into a segment are let in; undefined where nobody keeps the others out. */
  senders(vni: Vni): ReadonlySet<Ip> | undefined {
    const guard = this.#guard.kind === "present" ? this.#guard.guard : undefined;
    return guard?.senders.get(vni);
  }

  hasPort(endpoint: EndpointId): boolean {
    return this.#ports.has(endpoint);
  }

  /** Which VTEP frames for a MAC leave to. */
  remotes(vni: Vni): ReadonlyMap<Mac, RemoteEntry> {
    return this.#held.get(vni)?.segment.remotes ?? new Map();
  }

  vnis(): Vni[] {
    return [...this.#held.keys()];
  }

  /** The outcome, or what stands in the way. */
  attach(
    attachment: Attachment,
  ): { readonly netnsInode: number | undefined } | { readonly refusal: Refusal } {
    const { vni, place, endpoint, mac } = attachment;
    if (!this.#held.has(vni)) return refused("DATAPLANE_REFUSED", "there is no bridge");
    if (place.kind === "link") {
      const { link } = place;
      const isTaken = [...this.#ports.values()].some((port) => port.link === link);
      if (isTaken) return refused("INTERFACE_TAKEN", `there is an interface ${link}`);
      this.#ports.set(endpoint, { vni, netns: undefined, link, mac });
      return { netnsInode: undefined };
    }
    const { netns } = place;
    const namespace = this.namespaces.get(netns);
    if (namespace === undefined) return refused("NETNS_MISSING", `there is no namespace ${netns}`);
    namespace.endpoints.add(endpoint);
    this.#ports.set(endpoint, { vni, netns, link: undefined, mac });
    return { netnsInode: namespace.inode };
  }

  /** The container that had the link ends, and both ends go with it. */
  removeLink(link: string): void {
    for (const [endpoint, port] of this.#ports) {
      if (port.link === link) this.#ports.delete(endpoint);
    }
  }

  apply(ops: readonly DataplaneOp[]): void {
    for (const op of ops) this.#apply(op);
  }

  read(): Actual {
    const segments = new Map([...this.#held].map(([vni, held]) => [vni, this.#show(held)]));
    const ports = [...this.#ports].map(
      ([endpoint, { vni, mac }]) => [endpoint, { vni, isUp: true, macs: [mac] }] as const,
    );
    const guard = this.#guard;
    return { ...actualOf({ segments: new Map() }), segments, guard, ports: new Map(ports) };
  }

  /** Somebody else changes something of ours; says what, or undefined where there is nothing. */
  disturb(pick: (count: number) => number): string | undefined {
    const busy = [...this.#held.values()].filter(({ segment }) => segment.remotes.size > 0);
    const held = busy[pick(busy.length)];
    const way = pick(8);
    if (way === 0 && this.#guard.kind === "present") {
      this.#guard = { kind: "absent" };
      return "guard flushed";
    }
    if (way === 1) return this.#losePort(pick);
    if (held === undefined) return undefined;
    if (way === 2) return this.#loseDevices(held, true);
    if (way === 3) return this.#loseDevices(held, false);
    const remotes = new Map(held.segment.remotes);
    const entry = [...remotes.values()][pick(remotes.size)];
    if (entry === undefined) return undefined;
    if (way === 4) remotes.set(entry.mac, { ...entry, vtep: elsewhere });
    else remotes.delete(entry.mac);
    held.segment = { ...held.segment, remotes };
    return way === 4 ? "entry turned elsewhere" : "entry removed";
  }

  #losePort(pick: (count: number) => number): string | undefined {
    const endpoint = [...this.#ports.keys()][pick(this.#ports.size)];
    const port = endpoint === undefined ? undefined : this.#ports.get(endpoint);
    if (endpoint === undefined || port === undefined) return undefined;
    this.#ports.delete(endpoint);
    this.namespaces.get(port.netns ?? "")?.endpoints.delete(endpoint);
    return "interface deleted";
  }

  #loseDevices(held: Held, withBridge: boolean): string {
    held.hasVxlan = false;
    held.segment = { ...held.segment, remotes: new Map() };
    if (!withBridge) return "tunnel deleted";
    this.#held.delete(held.segment.vni);
    for (const port of this.#ports.values())
      if (port.vni === held.segment.vni) port.vni = undefined;
    return "bridge deleted";
  }

  #show({ segment, hasVxlan }: Held): ActualSegment {
    const shown = actualOf({ segments: new Map([[segment.vni, segment]]) }).segments.get(
      segment.vni,
    );
    if (shown === undefined) throw new Error("bug: segment");
    return { ...shown, vxlan: hasVxlan ? shown.vxlan : undefined };
  }

  #apply(op: DataplaneOp): void {
    switch (op.kind) {
      case "guard-set":
        this.#guard = { kind: "present", guard: op.guard };
        break;
      case "guard-remove":
        this.#guard = { kind: "absent" };
        break;
      case "bridge-set": {
        const { vni } = op.segment;
        const remotes = this.#held.get(vni)?.segment.remotes ?? new Map();
        const hasVxlan = this.#held.get(vni)?.hasVxlan ?? false;
        this.#held.set(vni, { segment: { ...op.segment, remotes }, hasVxlan });
        break;
      }
      case "vxlan-set": {
        const held = this.#held.get(op.segment.vni);
        if (held === undefined) break;
        // A new device has no entries.
        if (!held.hasVxlan) held.segment = { ...held.segment, remotes: new Map() };
        held.hasVxlan = true;
        break;
      }
      case "remote-set":
        this.#remote(op.vni, (remotes) => remotes.set(op.remote.mac, op.remote));
        break;
      case "remote-remove":
        this.#remote(op.vni, (remotes) => remotes.delete(op.mac));
        break;
      case "port-set": {
        const port = this.#ports.get(op.endpoint);
        if (port !== undefined && this.#held.has(op.vni)) port.vni = op.vni;
        break;
      }
      case "port-remove": {
        const port = this.#ports.get(op.endpoint);
        this.#ports.delete(op.endpoint);
        this.namespaces.get(port?.netns ?? "")?.endpoints.delete(op.endpoint);
        break;
      }
      case "segment-remove":
        this.#held.delete(op.vni);
        break;
      default:
        break;
    }
  }

  #remote(vni: Vni, change: (remotes: Map<Mac, RemoteEntry>) => void): void {
    const held = this.#held.get(vni);
    if (held === undefined || !held.hasVxlan) return;
    const remotes = new Map(held.segment.remotes);
    change(remotes);
    held.segment = { ...held.segment, remotes };
  }
}

function refused(code: Refusal["code"], message: string): { readonly refusal: Refusal } {
  return { refusal: { code, message } };
}
