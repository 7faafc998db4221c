// Tickets, cancelling, the circuit breaker, size; over real sockets where it matters.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import {
  BadInputError, CancelledError, CircuitOpenError, ConfigError, DeadlineError,
  ModelServiceClient, NotReadyError, TokenError, TransportError,
} from "../dist/index.js";
import { foreign } from "../dist/offline/tensors.js";
import { fakeTransport } from "../dist/testing.js";

const OK = { label: "ok", model: "chat", version: 1 };

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

test("bytes of an image are sent in base64, alone and as a field", async () => {
  const sent = [];
  const transport = async ({ body }) => {
    sent.push(JSON.parse(body));
    return { status: 200, headers: {}, body: JSON.stringify(OK) };
  };
  const client = new ModelServiceClient({ transport });
  const bytes = Uint8Array.from({ length: 20_000 }, (_, at) => at % 256);
  bytes.set([0x89, 0x50, 0x4e, 0x47]);
  await client.predict(bytes, { model: "nsfw" });
  await client.predict({ image: bytes.buffer, size: 2 }, { model: "nsfw" });
  const wanted = Buffer.from(bytes).toString("base64");
  await client.predict({ board: Uint8Array.of(1, 0, 2) }, { model: "four" });
  assert.deepEqual(sent, [
    { input: wanted }, { input: { image: wanted, size: 2 } }, { input: { board: [1, 0, 2] } },
  ]);
});

test("what reads an input is named where a device lacks it", () => {
  const missing = (form) => foreign({ inputs: [{ name: "x", form, datatype: "FP32" }] });
  assert.match(missing("tokens"), /a tokenizer/);
  assert.match(missing("image"), /an image decoder/);
  assert.match(missing("array"), /whole tensors/);
  assert.equal(missing("tensor"), null);
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
  assert.equal(client.circuitOpenedCount, 1);
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

test("what differs in its options does not go in one request", async () => {
  const asked = [];
  const transport = async ({ body }) => {
    const { inputs, options } = JSON.parse(body);
    asked.push(options.seed);
    const predictions = inputs.map(() => ({ action: "1" }));
    return { status: 200, headers: {}, body: JSON.stringify({ predictions }) };
  };
  const client = new ModelServiceClient({ transport });
  const ask = (options) => client.submit([[0]], { model: "four", options }).wait();
  await Promise.all([
    ask({ level: "easy", seed: 1 }), ask({ seed: 1, level: "easy" }), ask({ level: "easy", seed: 2 }),
  ]);
  assert.deepEqual(asked, [1, 2]);
});

test("a game may go on moving stones on the board that it gave", async () => {
  const transport = fakeTransport({ predictions: [{ action: "3" }] });
  const client = new ModelServiceClient({ transport });
  const board = [[0, 1]];
  const ticket = client.submit({ board }, { model: "four" });
  board[0][0] = 2;
  assert.equal((await ticket.wait()).action, "3");
  assert.deepEqual(JSON.parse(transport.requests[0].body).inputs, [{ board: [[0, 1]] }]);
});

test("ten thousand tickets are few requests, and no more than four at a time", async () => {
  let [now, most, requests] = [0, 0, 0];
  const transport = async ({ body }) => {
    most = Math.max(most, (now += 1));
    requests += 1;
    await new Promise((resolve) => setTimeout(resolve, 1));
    now -= 1;
    const predictions = JSON.parse(body).inputs.map((label) => ({ label }));
    return { status: 200, headers: {}, body: JSON.stringify({ predictions }) };
  };
  const client = new ModelServiceClient({ transport, window: 0.001, batch: 100 });
  const tickets = Array.from({ length: 10_000 }, (_, at) => client.submit(`line ${at}`));
  const found = await Promise.all(tickets.map((ticket) => ticket.wait()));
  found.forEach(({ label }, at) => assert.equal(label, `line ${at}`));
  assert.equal(requests, 100);
  assert.equal(most, 4);
});

test("a default answers whatever kind of question was asked", async () => {
  const client = new ModelServiceClient({ transport: fakeTransport(new TransportError("down")) });
  const ticket = client.submit([[0]], { model: "four" });
  await assert.rejects(ticket.wait(), TransportError);
  assert.equal(ticket.result({ default: 3 }).action, "3");
  const level = ["####", "#@ #", "####"];
  const given = { model: "levels", default: level, deadline: 0.1 };
  assert.deepEqual((await client.generate({ boxes: 1 }, given)).item, level);
});

test("an answer that is kept is not asked again, unless it was drawn or is stale", async () => {
  let [now, version] = [0, 1];
  let requests = 0;
  const transport = async () => {
    requests += 1;
    return { status: 200, headers: {}, body: JSON.stringify({ ...OK, version }) };
  };
  const client = new ModelServiceClient({ transport, clock: () => now, cacheSeconds: 10 });
  const asks = async (input, given) => {
    const before = requests;
    const found = await client.predict(input, given);
    assert.equal(found.source, requests === before ? "cache" : "service");
    return requests > before;
  };
  assert.ok(await asks("a"));
  assert.ok(!(await asks("a")));
  assert.ok(await asks("a", { model: "other" }));
  assert.ok(!(await asks("a", { playerId: "p-1" }))); // who asks changes nothing
  version = 2;
  assert.ok(await asks("b")); // the alias moved: what the old version said goes
  assert.ok(await asks("a"));
  now += 10;
  assert.ok(await asks("b"));
  now -= 100; // a clock that jumps back keeps nothing for ever
  assert.ok(await asks("b"));
  assert.ok(await asks("c", { options: { seed: 5 } }));
  assert.ok(await asks("c", { options: { seed: 5 } }));
  const plays = new ModelServiceClient({
    transport: fakeTransport({ action: "1" }), cacheSeconds: 10,
  });
  for (let move = 0; move < 2; move += 1) {
    assert.equal((await plays.choose([[0]], { model: "four" })).source, "service");
  }
});

test("of many inputs only those are asked that are not kept", async () => {
  const asked = [];
  await served(echo(asked), async (plain) => {
    const client = new ModelServiceClient({ baseUrl: plain.baseUrl, cacheSeconds: 60 });
    await client.predictMany(["a", "b"]);
    const found = await client.predictMany(["b", "c", "a"]);
    assert.deepEqual(found.map(({ label }) => label), ["b", "c", "a"]);
    assert.deepEqual(asked, [["a", "b"], ["c"]]);
  });
});

test("a token is fetched for each call, within its deadline, and its failure is known", async () => {
  const transport = fakeTransport(OK);
  let given = 0;
  const keyed = (apiKey) => new ModelServiceClient({ transport, apiKey, deadline: 0.1 });
  const client = keyed(async () => `token-${(given += 1)}`);
  await client.predict("x");
  await client.predict("x");
  const sent = transport.requests.map(({ headers }) => headers.authorization);
  assert.deepEqual(sent, ["Bearer token-1", "Bearer token-2"]);
  const broken = keyed(() => Promise.reject(new Error("log in again")));
  await assert.rejects(broken.predict("x"), (error) => {
    assert.ok(error instanceof TokenError);
    return !error.message.includes("log in again"); // it may hold a secret
  });
  assert.equal((await broken.predict("x", { default: "ok" })).is_default, true);
  const began = performance.now();
  await assert.rejects(keyed(() => new Promise(() => {})).predict("x"), DeadlineError);
  assert.ok(performance.now() - began < 400);
  await assert.rejects(keyed(() => "a\nb").predict("x"), ConfigError);
});

test("a call that was cancelled while it looked does not keep the circuit open", async () => {
  let now = 0;
  let [away, stopping] = [true, false];
  const client = new ModelServiceClient({
    clock: () => now, sleep: async () => {},
    transport: async () => {
      now += 10;
      if (stopping) throw new CancelledError("stopped");
      if (away) throw new TransportError("down");
      return { status: 200, headers: {}, body: JSON.stringify(OK) };
    },
  });
  for (let call = 0; call < 5; call += 1) await assert.rejects(client.predict("x"));
  now += 60;
  stopping = true;
  await assert.rejects(client.predict("x", { default: "ok" }), CancelledError);
  [away, stopping] = [false, false];
  assert.equal((await client.predict("x")).label, "ok");
});

test("an abort ends a wait between tries", async () => {
  const transport = fakeTransport({ status: 503, headers: { "retry-after": "5" }, body: "" });
  const client = new ModelServiceClient({ transport, deadline: 20 });
  const stop = new AbortController();
  const began = performance.now();
  setTimeout(() => stop.abort(), 50);
  await assert.rejects(client.predict("x", { signal: stop.signal }), CancelledError);
  assert.ok(performance.now() - began < 1000);
});

test("a hook hears of every call, and a fetch of one's own is used", async () => {
  const heard = [];
  const client = new ModelServiceClient({
    hook: (call) => heard.push(call),
    fetch: async () => new Response(JSON.stringify(OK), { headers: { "content-type": "x" } }),
  });
  await client.predict("x");
  await assert.rejects(client.predict({ a: 1n }, { model: "m" }), ConfigError);
  assert.deepEqual(heard.map(({ path, tries, status, error }) => [path, tries, status, error]), [
    ["/model-service", 1, 200, ""], // an input that is not JSON is no call
  ]);
});

test("what games have in hand is sent as it means, or refused by name", async () => {
  const transport = fakeTransport({ value: 1 });
  const client = new ModelServiceClient({ transport });
  const board = [new Int8Array([0, 1]), new Float32Array([1, 0])];
  await client.predict({ board, at: new Date(0) }, { model: "m" });
  const { input } = JSON.parse(transport.requests[0].body);
  assert.deepEqual(input, { board: [[0, 1], [1, 0]], at: "1970-01-01T00:00:00.000Z" });
  const circle = {};
  circle.self = circle;
  const odd = [
    [{ x: [0, NaN] }, /NaN at \/x\/1/], [{ x: Infinity }, /Infinity at \/x/], [{ x: 1n }, /bigint at \/x/],
    [new Map(), /a Map at \//], [new Set(), /a Set/], [undefined, /undefined/], [() => 1, /function/],
    [circle, /in itself/],
  ];
  for (const [value, named] of odd) {
    const refused = (error) => error instanceof ConfigError && named.test(error.message);
    await assert.rejects(client.predict(value, { model: "m", default: 0 }), refused);
    assert.throws(() => client.submit(value, { model: "m" }).result(), refused);
  }
});

test("whatever a player types becomes an answer or the default, with the reason", async () => {
  const transport = fakeTransport({ status: 422, headers: {}, body: '{"detail":"empty"}' });
  const client = new ModelServiceClient({ transport });
  for (const text of ["", "half \ud83d"]) {
    const found = await client.predict(text, { default: "ok" });
    assert.deepEqual([found.label, found.source], ["ok", "default"]);
    assert.match(found.reason, /^BadInputError/);
    await assert.rejects(client.predict(text), BadInputError);
  }
});

test("a broken model silences no other, a tiny deadline not even its own", async () => {
  const client = new ModelServiceClient({
    transport: async ({ url }) => {
      if (url.includes("/bad/")) return { status: 500, headers: {}, body: "{}" };
      if (url.includes("/slow/")) throw new DeadlineError("late");
      return { status: 200, headers: {}, body: JSON.stringify(OK) };
    },
  });
  for (let call = 0; call < 6; call += 1) await client.predict("x", { model: "bad", default: "d" });
  assert.equal(client.circuitOpenedCount, 1);
  assert.equal((await client.predict("x", { model: "good" })).source, "service");
  for (let call = 0; call < 20; call += 1) {
    await client.predict("x", { model: "slow", deadline: 0.1, default: "d" });
  }
  assert.equal(client.circuitOpenedCount, 1);
});

test("closing ends calls and tickets at once, and the client works on", async () => {
  await served((_, response) => setTimeout(() => response.end(JSON.stringify(OK)), 300), async (client) => {
    const [ticket, call] = [client.submit("a"), client.predict("b")];
    const ended = assert.rejects(call, CancelledError);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const began = performance.now();
    client.close();
    assert.ok(ticket.ready());
    await ended;
    assert.ok(performance.now() - began < 100);
    assert.equal((await client.predict("c")).label, "ok"); // React mounts twice
  });
});

test("boards, wishes and explanations have tickets; a view has other options", async () => {
  const transport = fakeTransport(
    { predictions: [{ action: "3" }] }, { predictions: [{ item: ["#"] }] }, { label: "ok", parts: [] },
    new TransportError("away"),
  );
  const client = new ModelServiceClient({ transport, sleep: async () => {} });
  assert.equal((await client.submitChoose([[0]], { model: "four", level: "easy" }).wait()).action, "3");
  assert.deepEqual((await client.submitGenerate({ boxes: 2 }, { model: "levels", seed: 1 }).wait()).item, ["#"]);
  assert.equal((await client.submitExplain("gg", { model: "chat" }).wait()).label, "ok");
  const [four, levels, chat] = transport.requests.map(({ url, body }) => [url, JSON.parse(body)]);
  assert.deepEqual(four[1], { inputs: [{ board: [[0]] }], options: { level: "easy" } });
  assert.deepEqual(levels[1], { inputs: [{ boxes: 2 }], options: { seed: 1 } });
  assert.match(chat[0], /explain$/);
  await assert.rejects(client.withOptions({ deadline: 9, retries: 1 }).predict("x"), TransportError);
  assert.equal(transport.requests.length, 5);
  assert.ok(Number(transport.requests[4].headers["deadline-ms"]) > 8000);
});

test("a 401 fetches a new token once; errors have the id of their request", async () => {
  let given = 0;
  const expired = { status: 401, headers: { "x-request-id": "r-1" }, body: '{"detail":"expired"}' };
  const client = new ModelServiceClient({
    transport: fakeTransport(expired, OK, expired), apiKey: () => `t${(given += 1)}`,
  });
  assert.equal((await client.predict("x")).label, "ok");
  await assert.rejects(client.predict("x"), { request_id: "r-1" });
  assert.equal(given, 4);
});

test("a hook and a key that fail stop no call and show no secret", async () => {
  const said = [];
  const warn = console.warn;
  console.warn = (line) => said.push(line);
  const hook = () => { throw new Error("HUNTER2"); };
  const client = new ModelServiceClient({ transport: fakeTransport(OK), hook });
  assert.equal((await client.predict("x")).source, "service");
  console.warn = warn;
  assert.deepEqual(said, ["hotseat: the hook failed: Error"]);
});

test("an older runtime lacks crypto, structuredClone, TextDecoder or performance", async () => {
  const headers = new Map([["X-A", "b"]]);
  const body = JSON.stringify({ ...OK, predictions: [OK] });
  const plain = async () => ({
    status: 200, headers, text: async () => body,
    arrayBuffer: async () => new TextEncoder().encode(body).buffer,
  });
  for (const name of ["crypto", "structuredClone", "TextDecoder", "performance"]) {
    const was = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value: undefined, configurable: true, writable: true });
    try {
      const client = new ModelServiceClient({ fetch: plain });
      assert.equal((await client.predict("x")).source, "service", name);
      assert.equal((await client.submit("x").wait()).source, "service", name);
    } finally {
      Object.defineProperty(globalThis, name, was);
    }
  }
});

test("all that a game ships of it is under 15.5 kB, packed", async () => {
  const size = async (entry, minify) => {
    const { outputFiles } = await build({
      entryPoints: [new URL(entry, import.meta.url).pathname], bundle: true, format: "esm",
      minify, write: false, external: ["onnxruntime-web"],
    });
    return gzipSync(outputFiles[0].contents, { level: 9 }).length;
  };
  const plain = await size("../src/index.ts", false);
  const small = await size("../src/index.ts", true);
  const offline = await size("../src/offline/index.ts", true);
  console.log(`${small} bytes minified and packed, ${plain} packed alone; offline ${offline} more`);
  assert.ok(plain < 15_500, `${plain} bytes`);
});

test("require and a plain script give the same classes", async () => {
  const { createRequire } = await import("node:module");
  const { readFileSync } = await import("node:fs");
  const { runInNewContext } = await import("node:vm");
  const require = createRequire(import.meta.url);
  const page = { fetch, setTimeout, clearTimeout, AbortController, URL, performance, console };
  const script = readFileSync(new URL("../dist/hotseat.min.js", import.meta.url), "utf8");
  runInNewContext(`${script}; this.Hotseat = Hotseat;`, page);
  const modules = await import("../dist/index.js");
  for (const built of [require("../dist/index.cjs"), page.Hotseat]) {
    assert.deepEqual(Object.keys(built).sort(), Object.keys(modules).sort());
    const transport = async () => ({ status: 200, headers: {}, body: JSON.stringify(OK) });
    assert.equal((await new built.ModelServiceClient({ transport }).predict("x")).label, "ok");
  }
});
