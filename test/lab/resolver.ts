/** The world's resolver, as far as a lab has one. */
import { join } from "node:path";
import type { Host } from "./host.ts";

/** A resolver on a host's underlay: knows one name, and one with more addresses than a datagram. */
const outside = `
const dgram = require("node:dgram"), net = require("node:net");
const dns = require(process.argv[1]);
const answer = (query, isTcp) => {
  const { id, questions } = dns.decode(query);
  const [{ name, type }] = questions;
  const many = name.toLowerCase() === "many.example";
  const flags = dns.RECURSION_AVAILABLE | (many && !isTcp ? dns.TRUNCATED_RESPONSE : 0);
  const known = ["one.example", "many.example"].includes(name.toLowerCase()) && type === "A";
  const count = !known ? 0 : many ? (isTcp ? 100 : 0) : 1;
  const address = (n) => ({ name, type: "A", ttl: 9, data: "192.0.2." + (n + 1) });
  const answers = Array.from({ length: count }, (_, n) => address(n));
  return dns.encode({ type: "response", id, flags: known ? flags : 3, questions, answers });
};
const udp = dgram.createSocket("udp4").bind(53, process.argv[2]);
udp.on("message", (query, { port, address }) => udp.send(answer(query, false), port, address));
const tcp = net.createServer((socket) => socket.on("error", () => 0).on("data", (chunk) => {
  const packet = answer(chunk.subarray(2), true);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  socket.write(Buffer.concat([length, packet]));
})).listen(53, process.argv[2], () => console.log("ready"));
`;

/** Serves `one.example`, and `many.example` over TCP, at the host's address. */
export async function startResolver(host: Host): Promise<Host> {
  const packets = join(import.meta.dirname, "../../node_modules/dns-packet");
  const server = host.spawn([process.execPath, "-e", outside, packets, host.address]);
  await server.out.until(/ready/, { withinMs: 10_000 });
  return host;
}
