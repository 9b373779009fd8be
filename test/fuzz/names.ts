/** Parsers of what containers, resolvers and files say to the name server. */
import assert from "node:assert/strict";
import * as dns from "dns-packet";
import { Unframer } from "../../names/dns/frame.ts";
import { fitted, isAnswerTo, readQuery, writeAnswers, writeFault } from "../../names/dns/packet.ts";
import type { Answers } from "../../names/record.ts";
import { upstreamsIn } from "../../names/resolv-conf.ts";
import { resolve } from "../../names/resolve.ts";
import { here, named, sight, web } from "../names/world.ts";
import type { Target } from "./campaign.ts";

const questions = ["db.web.starling", "nearest.db", "2.0.32.10.in-addr.arpa", "example.com", "."];
const options: dns.Answer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: 1_232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: true,
  options: [{ code: 12, type: "PADDING", length: 8 }],
};
const packets = questions.flatMap((name) =>
  (["A", "AAAA", "PTR", "AXFR"] as const).flatMap((type) => [
    packetOf({ id: 7, questions: [{ name, type }] }),
    packetOf({ id: 7, questions: [{ name, type }], additionals: [options] }),
  ]),
);
const sees = sight(new Map([[web, [named(1, "db", here, "10.32.0.2")]]]), [web]);
const files = ["nameserver 1.1.1.1\nsearch a b\n", "options ndots:1\nnameserver fd00::1 # x\r\n"];

/** All of them. */
export const nameTargets: readonly Target[] = [
  {
    name: "DNS question, to the answer",
    run: (mutation) => {
      const asked = readQuery(Buffer.from(mutation.bytes(packets)));
      if (asked === undefined) return false;
      if (asked.question === undefined || asked.fault !== undefined) {
        // What we do not answer must not be worth forging a sender for.
        assert.ok(writeFault(asked, asked.fault ?? 1).length <= asked.packet.length + 11);
        return false;
      }
      const reply = resolve(asked.question, sees);
      if (reply.kind === "answers") checkAnswer(asked, reply);
      return true;
    },
  },
  {
    name: "DNS answer of another resolver",
    run: (mutation) => {
      const query = Buffer.from(packets[0] ?? []);
      const asked = readQuery(query);
      if (asked === undefined) throw new Error("bug: a right question is none");
      const response = Buffer.from(mutation.bytes(packets.map(answered)));
      if (!isAnswerTo(query, asked.questionEnd, response)) return false;
      assert.ok(fitted(asked, response, false).length <= 512);
      return true;
    },
  },
  {
    name: "DNS messages over TCP",
    run: (mutation) => {
      const unframer = new Unframer(4_096);
      const taken = unframer.take(Buffer.from(mutation.bytes(packets)));
      assert.ok((taken ?? []).every(({ length }) => length <= 4_096));
      return taken !== undefined;
    },
  },
  {
    name: "resolv.conf",
    run: (mutation) => {
      const servers = upstreamsIn(mutation.text(files), new Set());
      assert.ok(servers.length <= 3);
      return servers.length > 0;
    },
  },
];

function checkAnswer(asked: NonNullable<ReturnType<typeof readQuery>>, reply: Answers): void {
  const packet = writeAnswers(asked, reply, false);
  assert.ok(packet.length <= asked.udpBytes);
  const { id, questions: echoed } = dns.decode(packet);
  assert.equal(id, asked.packet.readUInt16BE(0));
  assert.equal(echoed?.length, 1);
}

/** A copy: a Buffer's `slice` is a view, by which one mutation would change all later samples. */
function packetOf(packet: dns.Packet): Uint8Array {
  return new Uint8Array(dns.encode(packet));
}

/** The question as an answer. */
function answered(packet: Uint8Array): Uint8Array {
  const copy = packet.slice();
  copy.set([0x81, 0x80], 2);
  return copy;
}
