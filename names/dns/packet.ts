/**
 * DNS packets (RFC 1035, 4; EDNS: RFC 6891), by the npm package dns-packet. The question goes back
 * byte by byte as it came, so that a resolver that plays with the case of letters knows it again.
 */
import * as dns from "dns-packet";
import type { Answers, Question, ResourceRecord } from "../record.ts";

/** Of the header: identity, flags, and four counts. */
const headerBytes = 12;
/** Larger than any question with its options; what is larger is not read. */
export const queryBytesAtMost = 4_096;
/** What every resolver takes (RFC 1035, 4.2.1), and what passes every path in one piece. */
const [udpBytesLeast, udpBytesMost] = [512, 1_232];
/** Of a message over TCP, whose length is two bytes. */
const tcpBytesMost = 65_535;

const flag = { isResponse: 0x8000, isTruncated: 0x0200, isWished: 0x0100, isAvailable: 0x0080 };
const isAuthoritative = 0x0400;
const isUnchecked = 0x0010;
const opcodeMask = 0x7800;

/** Response codes (RFC 1035, 4.1.1; RFC 6891, 9). */
export const rcode = {
  none: 0,
  malformed: 1,
  failed: 2,
  missing: 3,
  unsupported: 4,
  refused: 5,
  badVersion: 16,
} as const;

/** A question that was read. */
export type Asked = {
  readonly packet: Buffer;
  /** Undefined where there is not exactly one. */
  readonly question: Question | undefined;
  /** Where the question ends. */
  readonly questionEnd: number;
  /** Bytes of an answer over UDP. */
  readonly udpBytes: number;
  readonly hasOptions: boolean;
  /** Why it is answered with nothing but this code. */
  readonly fault: number | undefined;
};

/** Reads a packet; undefined where it is no question at all, or none that can be read. */
export function readQuery(packet: Buffer): Asked | undefined {
  if (packet.length < headerBytes || packet.length > queryBytesAtMost) return undefined;
  const flags = packet.readUInt16BE(2);
  if ((flags & flag.isResponse) !== 0) return undefined;
  const bare = { packet, question: undefined, questionEnd: headerBytes, udpBytes: udpBytesLeast };
  if ((flags & opcodeMask) !== 0) return { ...bare, hasOptions: false, fault: rcode.unsupported };
  const [questions, answers, authorities] = [4, 6, 8].map((at) => packet.readUInt16BE(at));
  if (questions !== 1 || answers !== 0 || authorities !== 0 || packet.readUInt16BE(10) > 2)
    return { ...bare, hasOptions: false, fault: rcode.malformed };
  const decoded = decode(packet);
  const name = decoded?.questions?.[0]?.name;
  return decoded === undefined || name === undefined ? undefined : readOne(packet, decoded, name);
}

function decode(packet: Buffer): dns.DecodedPacket | undefined {
  try {
    return dns.decode(packet);
  } catch {
    return undefined;
  }
}

function readOne(packet: Buffer, decoded: dns.DecodedPacket, name: string): Asked {
  const again = dns.encode({ questions: [{ name, type: "A" }] });
  const questionEnd = again.length;
  // A label with a dot in it, bytes that are no text, a pointer: no name that anybody has.
  const isPlain = again
    .subarray(headerBytes, -4)
    .equals(packet.subarray(headerBytes, questionEnd - 4));
  const options = (decoded.additionals ?? []).filter((each) => each.type === "OPT");
  const [first] = options as dns.OptAnswer[];
  const asked = {
    packet,
    question: isPlain ? { name: name === "." ? "" : name, type: typeOf(decoded) } : undefined,
    questionEnd: isPlain ? questionEnd : headerBytes,
    udpBytes: Math.min(Math.max(first?.udpPayloadSize ?? 0, udpBytesLeast), udpBytesMost),
    hasOptions: first !== undefined,
  };
  if (!isPlain || options.length > 1) return { ...asked, fault: rcode.malformed };
  if ((first?.ednsVersion ?? 0) > 0) return { ...asked, fault: rcode.badVersion };
  const isInternet = packet.readUInt16BE(questionEnd - 2) === 1;
  const isTransfer = ["AXFR", "IXFR"].includes(typeOf(decoded));
  return { ...asked, fault: isInternet && !isTransfer ? undefined : rcode.refused };
}

function typeOf({ questions }: dns.DecodedPacket): string {
  return questions?.[0]?.type ?? "";
}

/** The packet that carries our answers; what does not fit is left out and said to be missing. */
export function writeAnswers(asked: Asked, reply: Answers, isTcp: boolean): Buffer {
  const room = isTcp ? tcpBytesMost : asked.udpBytes;
  const authorities = reply.authority.map(toPacket);
  const fixed = write(asked, { authorities, flags: 0 }).length;
  const answers: dns.Answer[] = [];
  let size = fixed;
  for (const record of reply.answers.map(toPacket)) {
    size += dns.encodingLength({ answers: [record] }) - headerBytes;
    if (size > room) break;
    answers.push(record);
  }
  const isCut = answers.length < reply.answers.length;
  const code = reply.isMissing ? rcode.missing : rcode.none;
  const flags = isAuthoritative | code | (isCut ? flag.isTruncated : 0);
  return write(asked, { answers, authorities, flags });
}

/** The packet that says nothing but a code. */
export function writeFault(asked: Asked, code: number): Buffer {
  return write(asked, { flags: code & 15, extended: code >> 4 });
}

/** What another resolver has answered, as this asker can take it. */
export function fitted(asked: Asked, response: Buffer, isTcp: boolean): Buffer {
  const answer = Buffer.from(response);
  asked.packet.copy(answer, 0, 0, 2);
  if (isTcp || answer.length <= asked.udpBytes) return answer;
  return write(asked, { flags: flag.isTruncated });
}

/** Whether the packet answers this question, by identity and question both. */
export function isAnswerTo(query: Buffer, questionEnd: number, response: Buffer): boolean {
  if (response.length < questionEnd || response.length < headerBytes) return false;
  const isResponse = (response.readUInt16BE(2) & flag.isResponse) !== 0;
  const isSame = response.readUInt16BE(0) === query.readUInt16BE(0);
  const question = (packet: Buffer) =>
    packet.subarray(headerBytes, questionEnd).toString("latin1").toLowerCase();
  return isResponse && isSame && question(response) === question(query);
}

/** The response code of a packet. */
export function rcodeOf(response: Buffer): number {
  return response.readUInt16BE(2) & 15;
}

type Parts = {
  readonly answers?: dns.Answer[];
  readonly authorities?: dns.Answer[];
  readonly flags: number;
  readonly extended?: number;
};

function write({ packet, questionEnd, hasOptions }: Asked, parts: Parts): Buffer {
  const { answers = [], authorities = [], flags, extended = 0 } = parts;
  const kept = packet.readUInt16BE(2) & (flag.isWished | isUnchecked);
  const encoded = dns.encode({
    type: "response",
    id: packet.readUInt16BE(0),
    flags: flags | kept | flag.isAvailable,
    answers,
    authorities,
    additionals: hasOptions ? [optionsOf(extended)] : [],
  });
  // The package points to no name that stood before, so that the question can be put between.
  encoded.writeUInt16BE(questionEnd > headerBytes ? 1 : 0, 4);
  const question = packet.subarray(headerBytes, questionEnd);
  return Buffer.concat([encoded.subarray(0, headerBytes), question, encoded.subarray(headerBytes)]);
}

function optionsOf(extendedRcode: number): dns.OptAnswer {
  return {
    type: "OPT",
    name: ".",
    udpPayloadSize: udpBytesMost,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

function toPacket({ name, ttlS: ttl, content }: ResourceRecord): dns.Answer {
  switch (content.type) {
    case "A":
    case "AAAA":
      return { name, ttl, type: content.type, data: content.address };
    case "PTR":
    case "NS":
      return { name, ttl, type: content.type, data: content.target };
    case "HINFO":
      return { name, ttl, type: "HINFO", data: { cpu: content.cpu, os: content.os } };
    case "SOA": {
      // Nobody transfers the zone: of these only `minimum` says something, how long an absence
      // holds (RFC 2308, 4).
      const times = { serial: 1, refresh: 3_600, retry: 600, expire: 86_400, minimum: ttl };
      return {
        name,
        ttl,
        type: "SOA",
        data: { mname: content.server, rname: content.contact, ...times },
      };
    }
  }
}
