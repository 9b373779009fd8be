/**
 * What a batch must have met, or it proves less than it seems to (reliability-security.md 4.4). The
 * simulator sets marks, and so does what an agent's log says and what commands are refused for.
 */
export const mustHappen: readonly string[] = [
  // What is done with a cluster.
  "attached",
  "detached",
  "vanished",
  "burst",
  "container restarted",
  "static request",
  "one address asked for twice at once",
  "network removed",
  // What is done to its hosts.
  "killed",
  "power lost",
  "paused",
  "slow",
  "sleeps",
  "clock jumped",
  "joined late",
  "went away",
  "zombie came back",
  "somebody stays dead",
  "dies for good",
  "revoked",
  "unknown kind kept",
  "disk lost",
  "backup put back",
  "writes lost with a disk",
  "log: records taken back from peers",
  "write refused",
  "write torn",
  // What is done to its network.
  "split",
  "one-way cut",
  "host cut off",
  "bridge",
  "paths mended",
  "link broke",
  "links broke",
  "dial into a cut",
  "message into a cut",
  "transfer cut short",
  "gossip lost",
  "gossip repeated",
  "old gossip came again",
  // What is done to its kernels.
  "kernel: bridge deleted",
  "kernel: tunnel deleted",
  "kernel: interface deleted",
  "kernel: guard flushed",
  "kernel: entry removed",
  "kernel: entry turned elsewhere",
  // What a member gone bad does.
  "villain: altered a value",
  "villain: left a change out",
  "villain: spoke for another",
  "villain: sent half a message",
  "villain: sent noise",
  "villain: repeated old news",
  "villain: said two things at once",
  "villain: garbled a transfer",
  // What agents say of it.
  "gossip: reject",
  "epoch raised",
  "quiet change",
  "log: addresses granted",
  "log: endpoint withdrawn: its namespace is gone",
  "log: interface made again",
  "log: kernel was changed by others; repairing",
  "log: host says two things at one version",
  "log: malformed message",
  "log: malformed sync frame",
  "log: record refused",
  "log: own records could not be written",
  "log: pull ended early",
  "refused ADDRESSES_EXHAUSTED",
  "refused ADDRESS_TAKEN",
  "refused NETNS_MISSING",
  "refused UNKNOWN_NETWORK",
];

/** What of it never happened. */
export function missingMarks(marks: ReadonlyMap<string, number>): string[] {
  return mustHappen.filter((mark) => !marks.has(mark));
}
