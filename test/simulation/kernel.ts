/**
 * A host's kernel in a simulation: it does what it is told, outlives its agent, and lets others
 * change it.
 */
import type { Mac, Vni } from "../../base/address.ts";
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
    { readonly vni: Vni; readonly netns: string; readonly mac: Mac }
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

  attach(attachment: Attachment): { readonly netnsInode: number } | undefined {
    const namespace = this.namespaces.get(attachment.netns);
    if (namespace === undefined || !this.#held.has(attachment.vni)) return undefined;
    const { vni, netns, endpoint, mac } = attachment;
    namespace.endpoints.add(endpoint);
    this.#ports.set(endpoint, { vni, netns, mac });
    return { netnsInode: namespace.inode };
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

  /** Somebody else removes one forwarding entry. */
  disturb(pick: (count: number) => number): boolean {
    const busy = [...this.#held.values()].filter(({ segment }) => segment.remotes.size > 0);
    const held = busy[pick(busy.length)];
    if (held === undefined) return false;
    const remotes = new Map(held.segment.remotes);
    const mac = [...remotes.keys()][pick(remotes.size)];
    if (mac !== undefined) remotes.delete(mac);
    held.segment = { ...held.segment, remotes };
    return true;
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
        if (held !== undefined) held.hasVxlan = true;
        break;
      }
      case "remote-set":
        this.#remote(op.vni, (remotes) => remotes.set(op.remote.mac, op.remote));
        break;
      case "remote-remove":
        this.#remote(op.vni, (remotes) => remotes.delete(op.mac));
        break;
      case "port-remove": {
        const port = this.#ports.get(op.endpoint);
        this.#ports.delete(op.endpoint);
        if (port !== undefined) this.namespaces.get(port.netns)?.endpoints.delete(op.endpoint);
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
    if (held === undefined) return;
    const remotes = new Map(held.segment.remotes);
    change(remotes);
    held.segment = { ...held.segment, remotes };
  }
}
