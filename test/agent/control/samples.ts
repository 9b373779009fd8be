/** One of everything that an agent says of itself, with every field that can be there. */

import type {
  AddressView,
  AdminView,
  EndpointView,
  ForgottenView,
  HostRef,
  MemberView,
  NetworkRef,
  NetworkView,
  RevocationView,
  StatusView,
  SubnetView,
  TokenView,
  WaitReport,
} from "../../../agent/view.ts";
import type { Cidr, Ip, Mac, Vni } from "../../../base/address.ts";
import type { BootId, ClusterId, EndpointId, HostId, NetworkId } from "../../../base/id.ts";

const host = (name: string): HostRef => ({ id: `12D3KooW${name.repeat(44)}` as HostId, name });

/** The host that all samples speak from, and two others. */
export const [hostA, hostB, hostC] = ["a", "b", "c"].map(host) as [HostRef, HostRef, HostRef];

const web: NetworkRef = { id: "00112233445566aa" as NetworkId, name: "web" };

export const members: readonly MemberView[] = [
  {
    ...hostA,
    isSelf: true,
    state: "alive",
    address: "10.0.0.1:7790",
    vtep: "10.0.0.1" as Ip,
    sinceMs: 200_000,
    rttMs: undefined,
    version: "0.1.0",
  },
  {
    ...hostB,
    isSelf: false,
    state: "unreachable",
    address: "10.0.0.2:7790",
    vtep: "10.0.0.2" as Ip,
    sinceMs: 12_000,
    rttMs: 0.42,
    version: "0.1.0",
  },
];

export const network: NetworkView = {
  ...web,
  vni: 4_242 as Vni,
  subnets: ["10.32.0.0/16" as Cidr],
  gateways: ["10.32.0.1" as Ip],
  mtu: 1_450,
  createdBy: hostA,
  endpoints: 2,
  freeHere: 16_384,
  addresses: 65_533,
  conflict: "an older network has this name",
};

export const endpoint: EndpointView = {
  id: "aabbccddeeff0011" as EndpointId,
  name: "db",
  aliases: ["postgres", "my_db"],
  network: web,
  mac: "02:00:00:00:00:01" as Mac,
  addresses: ["10.32.0.2/16"],
  host: hostA,
  state: "up",
  isLocal: true,
  netns: "/run/netns/db",
  interface: "eth0",
  link: undefined,
  owner: "cni/web/0123/eth0",
};

export const address: AddressView = { network: web, address: "10.32.0.9/16", holder: "docker" };

export const status: StatusView = {
  version: "0.1.0",
  state: "joining",
  joining: "10.0.0.9: connection refused; next try in 2.0 s",
  cluster: "c1".repeat(32) as ClusterId,
  host: { ...hostA, boot: "0123456789abcdef" as BootId, address: "10.0.0.1:7790" },
  underlay: { device: "eth0", vtep: "10.0.0.1" as Ip, mtu: 1_500 },
  members: { alive: 1, suspect: 0, unreachable: 1 },
  networks: 1,
  endpoints: { local: 1, total: 2 },
  store: { epoch: 3, seq: 17, root: "ab".repeat(32), origins: 2, records: 9 },
  kernel: { isInSync: true, repairs: 4, failures: [], conflicts: [] },
  dns: {
    isOn: true,
    serving: ["10.32.0.1" as Ip],
    upstreams: ["10.0.0.53" as Ip],
    answered: 5,
    forwarded: 2,
    refused: 0,
  },
  warnings: ["this host is not yet a member of a cluster"],
  uptimeMs: 7_322_000,
};

export const subnet: SubnetView = {
  network: web,
  subnet: "10.32.0.0/24" as Cidr,
  shares: [
    {
      host: hostA,
      ranges: [
        { block: "10.32.0.0/25" as Cidr, generation: 0, state: "ours" },
        { block: "10.32.0.192/28" as Cidr, generation: 2, state: "frozen" },
      ],
      size: 144,
      used: 3,
      resting: 1,
      free: 138,
    },
    {
      host: hostB,
      ranges: [{ block: "10.32.0.128/26" as Cidr, generation: 1, state: "unreachable" }],
      size: 64,
      used: 0,
      resting: 0,
      free: 64,
    },
  ],
  frozen: 0,
  unreachable: 64,
  free: 202,
};

export const forgotten: ForgottenView = {
  host: hostC,
  endpoints: 2,
  addresses: "frozen",
  waitingFor: [hostB],
  settledBy: hostA,
};

export const wait: WaitReport = { programmed: [hostA, hostB], missing: [], unreachable: [], ms: 8 };

export const tokens: readonly TokenView[] = [
  { id: "00112233445566ee", state: "open", uses: 3, used: 1, expiresInMs: 3_500_000 },
  { id: "00112233445566ff", state: "expired", uses: 1, used: 0, expiresInMs: -120_000 },
];

export const admins: readonly AdminView[] = [
  { ...hostA, isSelf: true, through: [], holdsRoot: true },
  { ...hostB, isSelf: false, through: [hostA], holdsRoot: false },
];

export const revocations: readonly RevocationView[] = [
  { scope: "host", host: hostC, by: hostA },
  { scope: "admin", host: hostB, by: undefined },
];

export const token = {
  id: "00112233445566ee",
  token: "slt1.secret",
  command: "starling agent --join 10.0.0.1:7790 --token slt1.secret",
};
