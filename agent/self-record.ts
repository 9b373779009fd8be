/** What a host says of itself. */
import type { Papers } from "./papers.ts";
import type { AgentOptions } from "./parts.ts";
import type { HostRecord } from "./schema.ts";
import type { Tables } from "./tables.ts";

/** Our own host record. Who was leaving goes on with that; who had left, and starts, is back. */
export function selfRecord(
  { self, name, address, underlay, version }: AgentOptions,
  papers: Papers,
  { tables, isStarting }: { readonly tables: Tables; readonly isStarting: boolean },
): HostRecord {
  const before = tables.hosts.get(self)?.standing;
  const standing = isStarting && before === "left" ? undefined : before;
  return {
    certificate: papers.certificate,
    name,
    address,
    vtep: underlay.address,
    version,
    admin: papers.chainOf(self),
    ...(standing !== undefined && { standing }),
  };
}
