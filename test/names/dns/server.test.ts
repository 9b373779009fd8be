import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as dns from "dns-packet";
import { openNameServer } from "../../../names/dns/server.ts";
import type { Reply } from "../../../names/record.ts";
import { ip, nth } from "../world.ts";
import {
  askTcp,
  askUdp,
  bigger,
  forwards,
  freePort,
  gateway,
  options,
  question,
  response,
  Script,
  serve,
  upstream,
} from "./world.ts";

function addresses(count: number): Reply {
  const answers = Array.from({ length: count }, (_, n) => {
    const content = { type: "A", address: nth(n + 2) } as const;
    return { name: "db.web.starling", ttlS: 2, content };
  });
  return { kind: "answers", isMissing: false, answers, authority: [] };
}

const told = (packet: Buffer) =>
  (dns.decode(packet).answers ?? []).map((answer) => ("data" in answer ? answer.data : ""));
const codeOf = (packet: Buffer) => packet.readUInt16BE(2) & 15;

describe("the name server", () => {
  it("answers over UDP and TCP what the agent says, with the question as it was", async () => {
    await using served = await serve(() => addresses(2));
    for (const ask of [askUdp, askTcp]) {
      const answer = await ask(served.port, question("dB.wEb.Starling"));
      assert.deepEqual(told(answer), ["10.32.0.2", "10.32.0.3"]);
      const { id, questions, flag_aa, flag_ra, flag_rd } = dns.decode(answer);
      assert.deepEqual([id, questions?.[0]?.name], [4711, "dB.wEb.Starling"]);
      assert.deepEqual([flag_aa, flag_ra, flag_rd], [true, true, true]);
    }
    const [heard] = served.oracle.heard;
    assert.deepEqual(heard, {
      from: "127.0.0.1",
      to: gateway,
      question: { name: "dB.wEb.Starling", type: "A" },
    });
  });

  it("cuts an answer to what the asker takes, and says so; TCP has it whole", async () => {
    await using served = await serve(() => addresses(200));
    const small = await askUdp(served.port, question("db"));
    assert.ok(small.length <= 512 && told(small).length > 5);
    assert.equal(dns.decode(small).flag_tc, true);
    const large = await askUdp(served.port, question("db", "A", { additionals: [bigger] }));
    assert.ok(large.length > 1_000 && large.length <= 1_232);
    const whole = await askTcp(served.port, question("db"));
    assert.equal(told(whole).length, 200);
    assert.equal(dns.decode(whole).flag_tc, false);
  });

  it("says no such name with the authority, and refuses with a code", async () => {
    const content = {
      type: "SOA",
      server: "_ns.starling",
      contact: "hostmaster.starling",
    } as const;
    const authority = [{ name: "starling", ttlS: 2, content }];
    await using served = await serve(() => ({
      ...{ kind: "answers", isMissing: true, answers: [], authority },
    }));
    const missing = await askUdp(served.port, question("nobody.starling"));
    assert.equal(codeOf(missing), 3);
    const [soa] = dns.decode(missing).authorities ?? [];
    assert.equal(soa?.type === "SOA" && soa.data.minimum, 2);
    served.oracle.answer = () => ({ kind: "refused", reason: "a stranger" });
    const refused = await askUdp(served.port, question("db"));
    assert.deepEqual([codeOf(refused), refused.length], [5, question("db").length]);
  });

  it("answers neither responses nor what cannot be read, and goes on", async () => {
    await using served = await serve(() => addresses(1));
    const loop = question("loop");
    loop.writeUInt16BE(0xc00c, 12);
    const junk = [response(question("db"), "1.2.3.4"), Buffer.alloc(5), loop, Buffer.alloc(5_000)];
    const answer = await askUdp(served.port, ...junk, question("db", "A", { id: 9 }));
    assert.equal(dns.decode(answer).id, 9);
    assert.equal(served.oracle.heard.length, 1);
  });

  it("answers with a code what it does not do", async () => {
    await using served = await serve(() => addresses(1));
    const notify = question("db", "A", { flags: 4 << 11 });
    assert.equal(codeOf(await askUdp(served.port, notify)), 4);
    assert.equal(codeOf(await askTcp(served.port, question("starling", "AXFR"))), 5);
    const two = {
      questions: [{ name: "a", type: "A" } as const, { name: "b", type: "A" } as const],
    };
    assert.equal(codeOf(await askUdp(served.port, question("a", "A", two))), 1);
    const future = { ...bigger, ednsVersion: 1 };
    const answer = await askUdp(served.port, question("a", "A", { additionals: [future] }));
    const [opt] = dns.decode(answer).additionals ?? [];
    assert.equal(opt?.type === "OPT" && opt.extendedRcode, 1);
    assert.deepEqual(served.oracle.heard, []);
  });

  it("stops answering who asks too much", async () => {
    const quota = { perSecond: 0.001, burst: 3 };
    await using served = await serve(() => addresses(1), { quota });
    for (let n = 0; n < 3; n += 1) await askUdp(served.port, question("db"));
    await assert.rejects(askTcp(served.port, question("db")), /closed without an answer/);
    assert.equal(served.oracle.heard.length, 3);
  });

  it("lets go of who sends no frames, or asks without reading", async () => {
    await using served = await serve(() => addresses(1), { listen: { pipelined: 2 } });
    const socket = connect(served.port, gateway);
    socket.write(Buffer.alloc(4, 255));
    await once(socket, "close");
    assert.equal(told(await askTcp(served.port, question("db"))).length, 1);
  });
});

describe("an address to be served", () => {
  it("is tried until nobody else has its port, and said to be missing meanwhile", async () => {
    const port = await freePort();
    const other = createServer().listen(port, "0.0.0.0");
    await once(other, "listening");
    const oracle = new Script(() => addresses(1));
    await using server = openNameServer(options(oracle, port));
    server.listen([gateway]);
    await oracle.until(({ listening }) => /another program/.test(listening[0]?.fault ?? ""));
    other.close();
    await oracle.until(({ listening }) => listening.length === 1 && !listening[0]?.fault);
    assert.equal(told(await askUdp(port, question("db"))).length, 1);
  });

  it("that the kernel does not have is waited for", async () => {
    const oracle = new Script(() => addresses(1));
    await using server = openNameServer(options(oracle, await freePort()));
    server.listen([ip("192.0.2.1")]);
    await oracle.until(({ listening }) => /does not have/.test(listening[0]?.fault ?? ""));
  });

  it("is free again as soon as it is not wanted", async () => {
    await using served = await serve(() => addresses(1));
    served.server.listen([]);
    await served.oracle.until(({ listening }) => listening.length === 0);
    const socket = createSocket("udp4").bind(served.port, gateway);
    await once(socket, "listening");
    socket.close();
  });
});

describe("a name that is not ours", () => {
  it("is asked of another resolver, whose answer is passed on", async () => {
    await using served = await serve(() => forwards);
    const other = await upstream(served.port, (query) => [response(query, "192.0.2.7")]);
    const answer = await askUdp(served.port, question("example.com"));
    assert.deepEqual([told(answer), dns.decode(answer).id], [["192.0.2.7"], 4711]);
    await askUdp(served.port, question("example.com"));
    const ids = other.asked.map((packet) => packet.readUInt16BE(0));
    assert.ok(ids[0] !== ids[1] || ids[0] !== 4711, "the asker's number was passed on");
    other.close();
  });

  it("is not answered by who guesses: number and question have to fit", async () => {
    await using served = await serve(() => forwards);
    const other = await upstream(served.port, (query) => {
      const forged = response(query, "6.6.6.6");
      forged.writeUInt16BE(query.readUInt16BE(0) ^ 1, 0);
      const wrong = response(question("other.com", "A", { id: query.readUInt16BE(0) }), "6.6.6.6");
      return [forged, wrong, Buffer.alloc(3), response(query, "192.0.2.7")];
    });
    assert.deepEqual(told(await askUdp(served.port, question("example.com"))), ["192.0.2.7"]);
    other.close();
  });

  it("is asked of the next where one does not answer or does not want to", async () => {
    const [silent, unwilling, right] = [ip("127.0.0.2"), ip("127.0.0.3"), ip("127.0.0.4")];
    const upstreams = [silent, unwilling, right];
    await using served = await serve(() => forwards, { upstreams });
    const others = await Promise.all([
      upstream(served.port, () => [], silent),
      upstream(served.port, (query) => [response(query, "", 5)], unwilling),
      upstream(served.port, (query) => [response(query, "192.0.2.7")], right),
    ]);
    assert.deepEqual(told(await askUdp(served.port, question("example.com"))), ["192.0.2.7"]);
    for (const other of others) other.close();
  });

  it("is asked of the next where there is no way to one, over UDP and TCP", async () => {
    // The kernel lets nobody connect there: as where there is no route, but without one packet.
    const upstreams = [ip("255.255.255.255"), ip("127.0.0.1")];
    await using served = await serve(() => forwards, { upstreams });
    const other = await upstream(served.port, (query) => [response(query, "192.0.2.7")]);
    assert.deepEqual(told(await askUdp(served.port, question("example.com"))), ["192.0.2.7"]);
    assert.equal(codeOf(await askTcp(served.port, question("example.com"))), 2);
    other.close();
  });

  it("fails where nobody answers, in less time than an asker waits", async () => {
    await using served = await serve(() => forwards, { forward: { askMs: 50 } });
    const answer = await askUdp(served.port, question("example.com"));
    assert.equal(codeOf(answer), 2);
  });

  it("is asked over TCP for who came over TCP", async () => {
    await using served = await serve(() => forwards);
    const other = createServer((socket) => {
      socket.on("data", (chunk) => {
        const answer = response(chunk.subarray(2), "192.0.2.9");
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      });
    }).listen(served.port + 1, "127.0.0.1");
    await once(other, "listening");
    assert.deepEqual(told(await askTcp(served.port, question("example.com"))), ["192.0.2.9"]);
    other.close();
  });

  it("waits in no longer a row than allowed", async () => {
    const limits = { openAtMost: 2, openPerAsker: 2, askMs: 300, asks: 1 };
    await using served = await serve(() => forwards, { forward: limits });
    const other = await upstream(served.port, () => []);
    const codes = Array.from({ length: 4 }, (_, n) => askUdp(served.port, question(`n${n}.com`)));
    const first = await Promise.race(codes);
    assert.equal(codeOf(first), 2);
    assert.equal(other.asked.length, 2);
    await Promise.all(codes);
    other.close();
  });

  it("is asked of whom resolv.conf names now, and never of ourselves", async () => {
    const folder = await mkdtemp(join(tmpdir(), "starling-names-"));
    const resolvConf = join(folder, "resolv.conf");
    await writeFile(resolvConf, `nameserver ${gateway}\nnameserver 127.0.0.1\n`);
    await using served = await serve(() => forwards, { resolvConf, upstreams: undefined });
    await served.oracle.until(({ upstreams }) => upstreams.join() === "127.0.0.1");
    await writeFile(`${resolvConf}.new`, "nameserver 127.0.0.9\n");
    await rename(`${resolvConf}.new`, resolvConf);
    const asking = setInterval(() => void askUdp(served.port, question("a.com")), 100);
    await served.oracle.until(({ upstreams }) => upstreams.join() === "127.0.0.9");
    clearInterval(asking);
    await rm(folder, { recursive: true });
  });
});
