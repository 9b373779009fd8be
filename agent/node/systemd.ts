/** What systemd gives to a service, and what it wants to hear of it. */
import { execFile } from "node:child_process";

/**
 * Sends READY=1 where systemd asked to be told; elsewhere does nothing. Node has no datagram
 * sockets for sd_notify(3), so systemd's own tool does it.
 */
export function notifyReady(): void {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  execFile("systemd-notify", ["--ready", `--pid=${process.pid}`], () => {
    // Without the tool the service stays "activating"; the unit file asks for a systemd that ships
    // it.
  });
}

/** The first descriptor that is handed over (sd_listen_fds(3)). */
const firstDescriptor = 3;

/** The socket of this name that systemd has opened for us; undefined: it has not. */
export function inheritedSocket(
  name: string,
  env: { readonly [name: string]: string | undefined },
  pid: number,
): number | undefined {
  if (env["LISTEN_PID"] !== String(pid)) return undefined;
  const at = (env["LISTEN_FDNAMES"] ?? "").split(":").indexOf(name);
  return at < 0 || at >= Number(env["LISTEN_FDS"]) ? undefined : firstDescriptor + at;
}
