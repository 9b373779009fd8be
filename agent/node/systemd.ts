/**
 * Tells systemd that the service is up (sd_notify(3)). Node has no datagram sockets for that, so
 * its own tool does it.
 */
import { execFile } from "node:child_process";

/** Sends READY=1 where systemd asked to be told; elsewhere does nothing. */
export function notifyReady(): void {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  execFile("systemd-notify", ["--ready", `--pid=${process.pid}`], () => {
    // Without the tool the service stays "activating"; the unit file asks for a systemd that ships
    // it.
  });
}
