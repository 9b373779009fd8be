/**
 * Composition root: the only file that builds adapters. What it opens is closed by one stack, last
 * first; nothing starts on import. Stopping touches nothing in the kernel: endpoints keep talking
 * while the agent is away.
 */
import { hostname } from "node:os";
import { toHex } from "../base/bytes.ts";
import type { Crypto } from "../base/crypto.ts";
import { describeError, MeshError } from "../base/errors.ts";
import { type BootId, type HostId, type Name, parseBootId, parseName } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import { systemClock } from "../base/node/clock.ts";
import { nodeCrypto, nodeSigner } from "../base/node/crypto.ts";
import { debugLog } from "../base/node/log.ts";
import { systemRandom } from "../base/node/random.ts";
import { version } from "../base/version.ts";
import { type Certificate, certificateFault } from "../membership/certificate.ts";
import {
  type Credentials,
  damaged,
  loadCredentials,
  openVault,
  saveCertificate,
  saveRoot,
} from "../membership/disk/credentials.ts";
import { loadIdentity } from "../membership/libp2p/identity.ts";
import { openTransport } from "../membership/libp2p/transport.ts";
import { openNameServer } from "../names/dns/server.ts";
import type { Underlay } from "../overlay/dataplane.ts";
import { checkDataplane } from "../overlay/linux/capabilities.ts";
import { openDataplane } from "../overlay/linux/dataplane.ts";
import { findUnderlay, ownAddresses } from "../overlay/linux/underlay.ts";
import { openDockerPlugin } from "../plugins/docker/plugin.ts";
import { rowsPrefix } from "../plugins/docker-network.ts";
import type { Trust } from "../store/fence.ts";
import type { Journal, JournalRow } from "../store/journal.ts";
import { type OpenedJournal, openJournal } from "../store/leveldb/journal.ts";
import { RowReader } from "../store/rows.ts";
import { Agent } from "./agent.ts";
import { type Config, limits, naming, timing } from "./config.ts";
import { openControlServer } from "./control/server.ts";
import { freshKey, markFresh } from "./fresh.ts";
import { dockerPlace } from "./node/docker-place.ts";
import { joinCluster } from "./node/joining.ts";
import { Loop, type Ports } from "./node/loop.ts";
import { hostPart, readToken, type Standing, standingOf } from "./node/standing.ts";
import { inheritedSocket, notifyReady } from "./node/systemd.ts";
import type { StatusView } from "./view.ts";

type OpenedPorts = Ports & { readonly journal: OpenedJournal };

/** What is settled before anything runs. */
type Setting = {
  readonly config: Config;
  readonly underlay: Underlay;
  readonly host: HostId;
  readonly name: Name;
  readonly boot: BootId;
  readonly crypto: Crypto;
  readonly standing: Standing;
  readonly credentials: Credentials;
  readonly seeds: readonly string[];
  readonly log: Log;
  /** While joining: what went wrong last. */
  problem: string | undefined;
};

/** Runs the agent until the signal aborts. Throws a MeshError where it cannot run. */
export async function runAgent(config: Config, signal: AbortSignal): Promise<void> {
  const log = debugLog("starling:agent");
  await checkDataplane();
  const underlay = await findUnderlay({ bind: config.bind, seeds: whereTo(config).map(hostPart) });
  // Above this line nothing has touched the host; what follows is undone by the stack, last first.
  await using stack = new AsyncDisposableStack();
  const directory = config.dataDir;
  const journal = stack.use(await openJournal({ directory, log: debugLog("starling:store") }));
  const rows = await rowsOfDocker(journal);
  const identity = await loadIdentity(directory);
  const setting = await settle(config, { underlay, identity, log, journal });
  const done = new AbortController();
  const loop = new Loop({
    clock: systemClock,
    log,
    joining: () => joiningView(setting),
    stopped: () => done.abort(),
  });
  stack.defer(() => loop.close());
  const dataplane = stack.use(openDataplane({ log: debugLog("starling:overlay") }));
  if (config.purgeOnExit) stack.defer(() => dataplane.purge());
  const transport = stack.use(
    await openTransport({
      identity,
      clusterId: setting.standing.cluster,
      listen: { address: underlay.address, port: config.port },
      limits,
      handler: loop,
      log: debugLog("starling:membership"),
    }),
  );
  stack.use(await openDoors(config, { loop, journal, rows, log }));
  const vault = openVault(directory, setting.crypto);
  const names = stack.use(openNames(loop, config));
  const ports = { transport, journal, dataplane, vault, names };
  const certificate = await membership(setting, ports, signal);
  if (certificate === undefined) return;
  await startAgent(setting, certificate, { loop, ports });
  if (setting.standing.kind === "member" && setting.standing.isNew) await announceFounding(loop);
  if (setting.standing.kind === "member") notifyReady();
  await aborted(AbortSignal.any([signal, done.signal]));
  // First of all: a loop that still runs would put back what a purge takes away.
  loop.close();
  log.info("stopping; the kernel stays as it is", { name: setting.name });
}

/** Before the first append, as all reading of the journal. */
async function rowsOfDocker(journal: Journal): Promise<JournalRow[]> {
  const rows = await Array.fromAsync(journal.load("local"));
  return rows.filter(({ key }) => key.startsWith(rowsPrefix));
}

/** What those who ask us need. */
type Doors = {
  readonly loop: Loop;
  readonly journal: Journal;
  /** Of Docker's networks. */
  readonly rows: readonly JournalRow[];
  readonly log: Log;
};

/** Where commands come in: the API, and Docker's plugin. */
async function openDoors(config: Config, doors: Doors): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const log = debugLog("starling:control");
  const { socket: path } = config;
  stack.use(await openControlServer({ path, desk: doors.loop, log, limits }));
  stack.use(await openDocker(config, doors));
  return stack.move();
}

/** Null where there is no Docker to serve. */
async function openDocker(
  config: Config,
  { loop, journal, rows, log }: Doors,
): Promise<AsyncDisposable | null> {
  const path = await dockerPlace(config);
  if (path === undefined) return null;
  const keep = (key: string, value: Uint8Array | undefined) =>
    journal.append([{ table: "local", key, value }], { isDurable: true });
  const opening = openDockerPlugin({
    ...{ path, rows, keep, limits, desk: loop },
    inherited: inheritedSocket("docker", process.env, process.pid),
    dockerSocket: config.dockerSocket,
    clock: systemClock,
    random: systemRandom,
    log: debugLog("starling:plugins:docker"),
    timing: timing.docker,
  });
  return opening.catch((error: unknown) => {
    // Nobody asked for it: a host's other work goes on.
    if (config.dockerPlugin !== "auto") throw error;
    log.warn("Docker is not served", { path, error: describeError(error) });
    return null;
  });
}

function openNames(oracle: Loop, { dnsUpstreams }: Config): ReturnType<typeof openNameServer> {
  return openNameServer({
    ...naming,
    oracle,
    log: debugLog("starling:names"),
    upstreams: dnsUpstreams.length === 0 ? undefined : dnsUpstreams,
  });
}

async function settle(
  config: Config,
  given: {
    readonly underlay: Underlay;
    readonly identity: { readonly host: HostId; readonly seed: Uint8Array };
    readonly log: Log;
    readonly journal: Journal;
  },
): Promise<Setting> {
  const { underlay, identity, log, journal } = given;
  const { host } = identity;
  const crypto = nodeCrypto(identity.seed);
  const name = parseName((config.name ?? hostname()).toLowerCase().split(".")[0] ?? "");
  if (name === undefined) {
    const what =
      config.name === undefined ? `this machine's name ${hostname()}` : `--name ${config.name}`;
    throw new MeshError("CONFIG_INVALID", `${what} is no DNS label; give one with --name`);
  }
  const own = new Set([...(await ownAddresses()), hostname(), "localhost"]);
  const seeds = whereTo(config).filter((seed) => !own.has(hostPart(seed)));
  const wallMs = systemClock.wallMs();
  const credentials = await loadCredentials(config.dataDir, { crypto, wallMs });
  const hasRecords = await hasRows(journal);
  const about = { credentials, config, seeds, host, hasRecords };
  const question = { ...about, crypto, random: systemRandom, wallMs };
  const standing = standingOf(question);
  checkPapers(standing, { host, crypto, config });
  if (standing.kind === "member" && standing.isNew && standing.rootSeed !== undefined) {
    await journal.append([markFresh], { isDurable: true });
    await saveRoot(config.dataDir, standing.rootSeed, crypto);
    await saveCertificate(config.dataDir, standing.certificate, crypto);
  }
  const boot = parseBootId(toHex(systemRandom.bytes(8))) as BootId;
  const known = { config, underlay, host, name, boot, crypto, standing, credentials, seeds, log };
  return { ...known, problem: undefined };
}

/** A certificate that proves nothing would be found out by everybody but us. */
function checkPapers(
  standing: Standing,
  { host, crypto, config }: Pick<Setting, "host" | "crypto" | "config">,
): void {
  if (standing.kind !== "member") return;
  const { certificate, cluster } = standing;
  const fault = certificateFault(certificate, { cluster, host }, crypto);
  if (fault !== undefined) throw damaged(`${config.dataDir}/certificate (${fault})`, "certificate");
}

async function hasRows(journal: Journal): Promise<boolean> {
  for await (const _ of journal.load("origins")) return true;
  return false;
}

/** Whom we shall speak to first: what was configured, else what the token says. */
function whereTo({ join, token }: Config): readonly string[] {
  return join.length > 0 || token === undefined ? join : readToken(token).addresses;
}

/** What makes us a member: from disk, from our own founding, or from whoever lets us in. */
async function membership(
  setting: Setting,
  ports: Ports,
  signal: AbortSignal,
): Promise<Certificate | undefined> {
  const { standing, log, crypto, config } = setting;
  if (standing.kind === "member") return standing.certificate;
  // Who waits for us to be up must not wait for a seed: what can be asked of us is answered from
  // now on.
  log.info("ready, but not yet a member", { name: setting.name, address: addressOf(setting) });
  notifyReady();
  const joining = joinCluster({
    ...setting,
    transport: ports.transport,
    token: standing.token,
    random: systemRandom,
    signal,
    tried: (problem) => {
      setting.problem = problem;
    },
  });
  const { certificate: held } = setting.credentials;
  const former = held?.host === setting.host ? held : undefined;
  const certificate = await joining.catch((error: unknown) => {
    if (signal.aborted) return undefined;
    if (former === undefined || !(error instanceof MeshError)) throw error;
    // Endpoints are better off with an agent that nobody lets in than with none.
    log.error("not let in again; going on alone", { code: error.code, reason: error.message });
    return former;
  });
  if (certificate === undefined || certificate === former) return certificate;
  await saveCertificate(config.dataDir, certificate, crypto);
  log.info("joined the cluster", { name: setting.name });
  return certificate;
}

async function startAgent(
  setting: Setting,
  certificate: Certificate,
  { loop, ports }: { readonly loop: Loop; readonly ports: OpenedPorts },
): Promise<void> {
  const { config, underlay, host, boot, name, crypto, standing, seeds, log } = setting;
  const { cluster } = standing;
  const rootSeed = standing.kind === "member" ? standing.rootSeed : undefined;
  const address = addressOf(setting);
  const agent = new Agent({
    self: host,
    cluster,
    boot,
    name,
    certificate,
    address,
    version,
    underlay,
    vxlanPort: config.vxlanPort,
    seeds,
    crypto,
    random: systemRandom,
    clock: systemClock,
    log,
    root: rootSeed === undefined ? undefined : nodeSigner(rootSeed),
    isIsolated: config.isolated,
    names: { isServed: config.dns, ttlS: config.dnsTtl },
  });
  restoreFiles(agent, setting);
  const trust = await restore(agent, ports, setting);
  await loop.start({ agent, ports, trust });
  log.info("ready", { name, address, device: underlay.device });
}

function restoreFiles(agent: Agent, { credentials, config }: Setting): void {
  // Who is out is known before any record is.
  for (const file of ["revocations", "tokens"] as const) {
    const content = credentials[file];
    if (content !== undefined && !agent.restoreFile(file, content))
      throw damaged(`${config.dataDir}/${file}`, file);
  }
}

/** Gives the agent what is on disk, and says what that says of our own records. */
async function restore(
  agent: Agent,
  { journal }: OpenedPorts,
  { host, standing, log }: Setting,
): Promise<Trust> {
  const reader = new RowReader();
  for await (const row of journal.load("origins")) reader.take(row);
  const all = await Array.fromAsync(journal.load("local"));
  const places = all.filter(({ key }) => !key.startsWith(rowsPrefix));
  const { origins, damaged } = reader.finish();
  const lost = new Set<string>([...damaged, ...agent.restore({ origins, places })]);
  for (const origin of lost)
    log.error("records on disk are damaged; peers will be asked for them", { origin });
  if (journal.damage !== undefined || lost.size > 0) return "doubtful";
  const hasOwn = origins.some(({ head }) => head.origin === host);
  if (hasOwn || places.some(({ key }) => key === freshKey)) return "whole";
  return standing.kind === "joining" ? "new" : "doubtful";
}

async function announceFounding(loop: Loop): Promise<void> {
  const token = await loop.ask({ kind: "token" });
  if (token.kind !== "token") return;
  // A token must not end up in a log that others can read; a terminal is the operator's.
  const command = process.stdout.isTTY
    ? token.command
    : "starling token   # as root: prints the command";
  process.stdout.write(
    `This host has founded a cluster. On each further host:\n\n    ${command}\n\n`,
  );
}

function addressOf({ underlay, config }: Pick<Setting, "underlay" | "config">): string {
  const { address } = underlay;
  return address.includes(":") ? `[${address}]:${config.port}` : `${address}:${config.port}`;
}

const noNames = { serving: [], upstreams: [], answered: 0, forwarded: 0, refused: 0 };

function joiningView(setting: Setting): StatusView {
  const { standing, host, name, boot, underlay, problem } = setting;
  return {
    version,
    state: "joining",
    joining: problem ?? "asking the seeds",
    cluster: standing.cluster,
    host: { id: host, name, boot, address: addressOf(setting) },
    underlay: { device: underlay.device, vtep: underlay.address, mtu: underlay.mtu },
    members: { alive: 0, suspect: 0, unreachable: 0 },
    networks: 0,
    endpoints: { local: 0, total: 0 },
    store: { epoch: 0, seq: 0, root: "", origins: 0, records: 0 },
    kernel: { isInSync: false, repairs: 0, failures: [], conflicts: [] },
    dns: { ...noNames, isOn: setting.config.dns },
    warnings: ["this host is not yet a member of a cluster"],
    uptimeMs: Math.round(systemClock.now()),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
