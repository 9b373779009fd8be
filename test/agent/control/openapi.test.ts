import assert from "node:assert/strict";
import type { HttpBindings } from "@hono/node-server";
import type { Hono } from "hono";
import * as v from "valibot";
import { limits } from "../../../agent/config.ts";
import { answers } from "../../../agent/control/answers.ts";
import { makeApp } from "../../../agent/control/app.ts";
import { openApi } from "../../../agent/control/openapi.ts";
import type { WatchEvent } from "../../../agent/view.ts";
import { errorCodes } from "../../../base/errors.ts";
import {
  address,
  admins,
  endpoint,
  forgotten,
  hostA,
  members,
  network,
  revocations,
  status,
  subnet,
  token,
  tokens,
  wait,
} from "./samples.ts";
import { SimulatedDesk } from "./simulated-desk.ts";
import { quiet } from "./world.ts";

type Json = { readonly [key: string]: Json };

const document = JSON.parse(JSON.stringify(openApi())) as Json;

const { state: _, ...withoutState } = endpoint;

const events: readonly WatchEvent[] = [
  { kind: "member", member: members[1] ?? assert.fail() },
  { kind: "network", change: "added", network: endpoint.network },
  { kind: "endpoint", change: "removed", endpoint: withoutState },
  { kind: "kernel", repairs: 3 },
];

/** Each schema with everything that may be there. */
const samples: readonly (readonly [string, v.GenericSchema, unknown])[] = [
  ["status", answers.status, status],
  ["members", answers.members, members],
  ["networks", answers.networks, [network]],
  ["networkCreated", answers.networkCreated, { network, wait }],
  ["endpoints", answers.endpoints, [endpoint]],
  ["endpointAdded", answers.endpointAdded, { endpoint, wait: { ...wait, missing: [hostA] } }],
  ["ipam", answers.ipam, [subnet]],
  ["forgotten", answers.forgotten, { forgotten, wait }],
  ["left", answers.left, { obstacle: "no other host answers" }],
  ["address", answers.address, address],
  ["removed", answers.removed, { id: network.id, wait }],
  ["token", answers.token, token],
  ["tokens", answers.tokens, tokens],
  ["admins", answers.admins, admins],
  ["revocations", answers.revocations, revocations],
  ["hostChanged", answers.hostChanged, { host: hostA, isNew: true }],
  ...events.map((event) => [event.kind, answers.event, event] as const),
];

describe("the OpenAPI document", () => {
  it("has every route that is served, and no other", () => {
    const closing = new AbortController().signal;
    const desk = new SimulatedDesk();
    const app: Hono<{ Bindings: HttpBindings }> = makeApp({
      ...{ desk, log: quiet, limits, closing, isForRoot: true },
    });
    const served = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:([a-z]+)/g, "{$1}")}`);
    const described = Object.entries(document["paths"] ?? {}).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.deepEqual(described.toSorted(), served.toSorted());
    assert.equal(new Set(described).size, 27);
  });

  it("names every operation once, and every parameter of its path", () => {
    const ids = new Set<unknown>();
    for (const [path, operations] of Object.entries(document["paths"] ?? {})) {
      for (const operation of Object.values(operations)) {
        ids.add(operation["operationId"]);
        const parameters = Object.values(operation["parameters"] ?? {});
        const inPath = parameters.filter((each) => String(each["in"]) === "path");
        assert.deepEqual(
          inPath.map((each) => `{${String(each["name"])}}`),
          path.match(/\{[a-z]+\}/g) ?? [],
        );
      }
    }
    assert.equal(ids.size, 27);
  });

  it("says what a body must hold, with our words for what JSON Schema cannot say", () => {
    const post = document["paths"]?.["/v1/networks"]?.["post"];
    const schema = post?.["requestBody"]?.["content"]?.["application/json"]?.["schema"];
    assert.deepEqual(schema?.["required"], ["name", "subnets"]);
    assert.equal(String(schema?.["additionalProperties"]), "false");
    assert.match(JSON.stringify(schema?.["properties"]), /host bits are zero/);
    const [wait] = Object.values(post?.["parameters"] ?? {});
    assert.match(String(wait?.["description"]), /every reachable host's kernel/);
  });

  it("lists every error code", () => {
    assert.deepEqual(
      document["components"]?.["schemas"]?.["Error"]?.["properties"]?.["error"]?.["properties"]?.[
        "code"
      ]?.["enum"],
      [...errorCodes],
    );
  });

  for (const [name, schema, sample] of samples) {
    it(`describes all of what is answered: ${name}`, () => {
      const plain = JSON.parse(JSON.stringify(sample));
      // Parsing drops what the schema does not know of.
      assert.deepEqual(v.parse(schema, plain), plain);
    });
  }
});
