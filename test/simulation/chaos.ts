/** What happens to a simulated cluster while its faults last. Every choice is the seed's. */
import type { Cluster } from "./cluster.ts";

type Act = { readonly weight: number; readonly act: (cluster: Cluster) => void };

const acts: readonly Act[] = [
  { weight: 30, act: attachAnywhere },
  { weight: 15, act: (cluster) => withEndpoint(cluster, (endpoint) => cluster.detach(endpoint)) },
  { weight: 5, act: (cluster) => withEndpoint(cluster, (endpoint) => cluster.vanish(endpoint)) },
  { weight: 4, act: crashOne },
  { weight: 6, act: bootOne },
  { weight: 3, act: (cluster) => cluster.split(cluster.random.below(3) === 0) },
  { weight: 4, act: (cluster) => cluster.network.mendAll() },
  { weight: 3, act: pauseOne },
  { weight: 5, act: disturbOne },
  { weight: 3, act: changeWeather },
  { weight: 1, act: createAnother },
];

/** One random step, and a random while after it. */
export function chaosStep(cluster: Cluster): void {
  const total = acts.reduce((sum, { weight }) => sum + weight, 0);
  let draw = cluster.random.below(total);
  for (const { weight, act } of acts) {
    if (draw < weight) {
      act(cluster);
      break;
    }
    draw -= weight;
  }
  cluster.run(cluster.random.below(400));
}

function attachAnywhere(cluster: Cluster): void {
  const networks = [...cluster.networks];
  const network = networks[cluster.random.below(Math.max(1, networks.length))];
  const host = cluster.anyHost();
  if (network !== undefined && host.isUp) cluster.attach(host, network);
}

function withEndpoint(
  cluster: Cluster,
  then: (endpoint: NonNullable<ReturnType<Cluster["anyEndpoint"]>>) => void,
): void {
  const endpoint = cluster.anyEndpoint();
  if (endpoint?.host.isUp === true) then(endpoint);
}

function crashOne(cluster: Cluster): void {
  const host = cluster.anyHost();
  if (!host.isUp) return;
  const losesPower = cluster.random.below(2) === 0;
  host.crash((unsynced) => (losesPower ? cluster.random.below(unsynced + 1) : unsynced));
  cluster.mark(losesPower ? "power lost" : "killed");
}

function bootOne(cluster: Cluster): void {
  const host = cluster.anyHost();
  if (host.isUp) return;
  host.boot();
  cluster.mark("booted");
}

function pauseOne(cluster: Cluster): void {
  const host = cluster.anyHost();
  if (!host.isUp) return;
  host.pause();
  cluster.schedule.after(100 + cluster.random.below(8_000), () => host.resume());
  cluster.mark("paused");
}

function disturbOne(cluster: Cluster): void {
  const { random } = cluster;
  if (cluster.anyHost().kernel.disturb((count) => random.below(Math.max(1, count)))) {
    cluster.mark("kernel disturbed");
  }
}

function changeWeather({ network, random }: Cluster): void {
  network.faults.gossipLoss = random.below(4) * 15;
  network.faults.gossipRepeat = random.below(3) * 10;
  network.faults.delayMs = random.below(20);
  network.faults.jitterMs = random.below(100);
  network.faults.linkBreak = random.below(3) * 20;
}

function createAnother(cluster: Cluster): void {
  const host = cluster.anyHost();
  const at = cluster.networks.size + 1;
  if (host.isUp && at < 5) cluster.createNetwork(host, `n${at}`, `10.${40 + at}.0.0/24`);
}
