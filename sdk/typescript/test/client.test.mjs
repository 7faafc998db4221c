// Tickets, cancelling, the circuit breaker, size; over real sockets where it matters.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  BadInputError, CancelledError, CircuitOpenError, ConfigError, DeadlineError,
  ModelServiceClient, NotReadyError, TransportError,
} from "../dist/index.js";

async function served(handle, ask) {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", () => handle(body ? JSON.parse(body) : null, response, request));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new ModelServiceClient({
    baseUrl: `http://127.0.0.1:${server.address().port}`,
  });
  try {
    await ask(client);
  } finally {
    client.close();
    server.closeAllConnections();
    server.close();
  }
}

function echo(asked) {
  return (body, response) => {
    asked.push(body.inputs);
    const at = body.inputs.indexOf("bad");
    if (at >= 0) {
      response.writeHead(422, { "content-type": "application/problem+json" });
      const problem = { code: "invalid_input", detail: "x", pointer: `/inputs/${at}` };
      return response.end(JSON.stringify(problem));
    }
    response.end(JSON.stringify({ predictions: body.inputs.map((label) => ({ label })) }));
  };
}

test("inputs of one frame are one request", async () => {
  const asked = [];
  await served(echo(asked), async (client) => {
    const tickets = Array.from({ length: 20 }, (_, at) => client.submit(`line ${at}`));
    assert.ok(!tickets[0].ready());
    assert.equal(tickets[0].result({ default: "ok" }).is_default, true);
    assert.throws(() => tickets[0].result(), NotReadyError);
    const found = await Promise.all(tickets.map((ticket) => ticket.wait()));
    assert.deepEqual(found.map(({ label }) => label), tickets.map((_, at) => `line ${at}`));
    assert.equal(asked.length, 1);
  });
});

test("one bad input does not spoil the others", async () => {
  await served(echo([]), async (client) => {
    const [one, bad, two] = ["a", "bad", "c"].map((text) => client.submit(text));
    assert.equal((await one.wait()).label, "a");
    await assert.rejects(bad.wait(), BadInputError);
    assert.equal((await two.wait()).label, "c");
  });
});

test("a cancelled ticket and a closed client settle at once", async () => {
  await served(echo([]), async (client) => {
    const ticket = client.submit("a");
    assert.ok(ticket.cancel());
    assert.throws(() => ticket.result(), CancelledError);
    const open = client.submit("b");
    client.close();
    assert.throws(() => open.result(), CancelledError);
  });
});

test("a deadline is kept, and an AbortSignal heard, over a real socket", async () => {
  await served(() => {}, async (client) => {
    const began = performance.now();
    await assert.rejects(client.predict("x", { deadline: 0.2 }), DeadlineError);
    assert.ok(performance.now() - began < 400);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await assert.rejects(client.predict("x", { signal: stop.signal }), CancelledError);
  });
});

test("a service that is away is left alone, and the default stands in", async () => {
  let now = 0;
  const client = new ModelServiceClient({
    clock: () => now,
    sleep: async () => {},
    random: () => 0,
    transport: async () => {
      now += 10;
      throw new TransportError("down");
    },
  });
  for (let call = 0; call < 5; call += 1) {
    await assert.rejects(client.predict("x"), TransportError);
  }
  await assert.rejects(client.predict("x"), CircuitOpenError);
  assert.equal(client.openings, 1);
  assert.equal((await client.predict("x", { default: "ok" })).label, "ok");
});

test("what cannot work is said when the client is made", () => {
  assert.throws(() => new ModelServiceClient({ baseUrl: "models.example" }), ConfigError);
  assert.throws(() => new ModelServiceClient({ deadline: 0 }), ConfigError);
  assert.throws(() => new ModelServiceClient({ baseUrl: "https://a:b@x" }), ConfigError);
});

test("a key is shown nowhere", () => {
  const client = new ModelServiceClient({ apiKey: "secret-key" });
  assert.ok(!JSON.stringify(client).includes("secret"));
  assert.ok(!Object.values(client).join().includes("secret"));
});

test("all of it is under 10 kB, packed", () => {
  const folder = new URL("../dist/", import.meta.url);
  const code = readdirSync(folder).filter((name) => name.endsWith(".js"));
  const whole = code.map((name) => readFileSync(new URL(name, folder))).join("\n");
  const size = gzipSync(whole).length;
  assert.ok(size < 10_000, `${size} bytes`);
});
