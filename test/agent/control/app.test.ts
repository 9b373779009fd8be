import assert from "node:assert/strict";
import fc from "fast-check";
import { limits } from "../../../agent/config.ts";
import { makeApp } from "../../../agent/control/app.ts";
import { SimulatedDesk } from "./simulated-desk.ts";
import { quiet } from "./world.ts";

describe("whatever is sent", () => {
  const desk = new SimulatedDesk();
  const closing = new AbortController().signal;
  const app = makeApp({ desk, log: quiet, limits, closing, isForRoot: false });
  const headers = { host: "starling", "content-type": "application/json" };

  /** Every refusal is the caller's, has a code, and is one line. */
  async function assertAnswered(path: string, init: RequestInit): Promise<void> {
    const response = await app.request(`http://starling${path}`, { headers, ...init });
    const text = await response.text();
    assert.ok(response.status < 500, `${response.status} ${text}`);
    if (response.status < 300) return;
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    assert.match(error.code, /^[A-Z_]+$/);
    assert.doesNotMatch(error.message, /\n/);
  }

  const network = fc.record(
    {
      name: fc.oneof(fc.constant("web"), fc.string(), fc.jsonValue()),
      subnets: fc.oneof(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  const endpoint = fc.record(
    {
      network: fc.oneof(fc.constant("web"), fc.jsonValue()),
      netns: fc.oneof(fc.constant("/run/netns/x"), fc.string(), fc.jsonValue()),
      name: fc.oneof(fc.string(), fc.jsonValue()),
      interface: fc.oneof(fc.string(), fc.jsonValue()),
      addresses: fc.oneof(fc.array(fc.oneof(fc.ipV4(), fc.ipV6())), fc.jsonValue()),
      mac: fc.oneof(fc.string(), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  const body = fc.oneof(
    fc.oneof(network, endpoint, fc.jsonValue()).map((value) => JSON.stringify(value)),
    fc.string({ unit: "binary" }),
  );

  it("as a body is answered", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("networks", "endpoints"), body, (kind, text) =>
        assertAnswered(`/v1/${kind}`, { method: "POST", body: text }),
      ),
      { numRuns: 2_000 },
    );
  });

  it("as a path and a query is answered", async () => {
    const part = fc.oneof(
      fc.constantFrom("v1", "networks", "endpoints", "..", "%", "%zz", "%00", "wait", "force"),
      fc.string(),
      fc.string().map(encodeURIComponent),
    );
    const path = fc
      .tuple(fc.array(part, { maxLength: 4 }), fc.array(fc.tuple(part, part), { maxLength: 3 }))
      .map(([parts, query]) => {
        const pairs = query.map(([name, value]) => `${name}=${value}`).join("&");
        return `/${parts.join("/")}?${pairs}`.replaceAll(/[\s#\\]/g, "");
      })
      .filter((text) => URL.canParse(`http://starling${text}`));
    const method = fc.constantFrom("GET", "POST", "DELETE", "PUT");
    await fc.assert(
      fc.asyncProperty(method, path, (verb, text) =>
        assertAnswered(text, { method: verb, ...(verb === "GET" ? {} : { body: "{}" }) }),
      ),
      { numRuns: 2_000 },
    );
  });
});
