// Streams of server-sent events: parsed however they are cut; they go on, break, are cancelled.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import { EventReader } from "../dist/events.js";
import { BadInputError, ConfigError, DeadlineError, ModelServiceClient, TransportError } from "../dist/index.js";

const ROWS = JSON.parse(readFileSync(new URL("../../spec/streams.json", import.meta.url), "utf8"));
const EVENTS = { "content-type": "text/event-stream" };
const given = { model: "npc" };

for (const { name, pieces, events } of ROWS) {
  test(`the parser: ${name}`, () => {
    const reader = new EventReader();
    assert.deepEqual(pieces.flatMap((piece) => reader.read(Buffer.from(piece, "latin1"))), events);
    const bytes = new EventReader(), whole = Buffer.from(pieces.join(""), "latin1");
    assert.deepEqual([...whole].flatMap((byte) => bytes.read(Uint8Array.of(byte))), events);
  });
}

/** A client of a server that talks so to request 1, 2, ... */
async function streamed(talk, ask, options = {}) {
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume();
    requests += 1;
    talk(response, requests);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const baseUrl = `http://127.0.0.1:${server.address().port}`;
  const client = new ModelServiceClient({ baseUrl, deadline: 20, random: () => 0, ...options });
  try {
    await ask(client, () => requests);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function all(stream, into = []) {
  for await (const { data } of stream) into.push(data);
  return into;
}

test("an event comes before the end; a start that breaks is asked again", async () => {
  let goOn;
  await streamed((response, number) => {
    if (number === 1) return response.destroy();
    response.writeHead(200, EVENTS).write("event: token\ndata: gg\n\n");
    goOn = () => response.end("data: wp\n\n");
  }, async (client) => {
    const stream = client.stream("generate", { prompt: "say" }, given);
    const first = await stream.next();
    assert.deepEqual(first.value, { name: "token", data: "gg" });
    assert.equal(stream.ready(), false);
    assert.equal(stream.take(), null);
    goOn();
    assert.deepEqual(await all(stream), ["wp"]);
    assert.ok(stream.ready());
  });
});

test("a stream that breaks is an error, and is not begun again", async () => {
  await streamed((response) => {
    response.writeHead(200, EVENTS).write("data: gg\n\n", () => setTimeout(() => response.destroy(), 50));
  }, async (client, requests) => {
    const found = [];
    await assert.rejects(all(client.stream("generate", {}, given), found), TransportError);
    assert.deepEqual(found, ["gg"]);
    assert.equal(requests(), 1);
  });
});

test("leaving a stream ends the request, and so does its deadline", async () => {
  let left = 0;
  const endless = (response) => {
    response.writeHead(200, EVENTS).write("data: gg\n\n");
    const timer = setInterval(() => response.write(": ping\n\n"), 20);
    response.on("close", () => {
      clearInterval(timer);
      left += 1;
    });
  };
  await streamed(endless, async (client) => {
    for await (const { data } of client.stream("generate", {}, given)) {
      assert.equal(data, "gg");
      break;
    }
    const late = client.stream("generate", {}, { ...given, deadline: 0.3 });
    const found = [];
    await assert.rejects(all(late, found), DeadlineError);
    assert.deepEqual(found, ["gg"]);
    for (let time = 0; time < 500 && left < 2; time += 1) await new Promise((go) => setTimeout(go, 20));
    assert.equal(left, 2);
  });
});

test("a refusal is an error", async () => {
  await streamed((response) => response.writeHead(422).end('{"code": "x"}'), async (client) => {
    await assert.rejects(all(client.stream("generate", {}, given)), BadInputError);
    assert.throws(() => client.stream("generate", {}, { model: ".." }), ConfigError);
  });
  await streamed((response) => response.end("{}"), async (client) => {
    await assert.rejects(all(client.stream("generate", {}, { ...given, deadline: 0.2 })), TransportError);
  });
});

test("a transport that cannot stream returns the whole", async () => {
  const transport = async () => ({ status: 200, headers: EVENTS, body: "data: gg\n\ndata: wp\n\n" });
  const client = new ModelServiceClient({ baseUrl: "http://x.test", transport });
  assert.deepEqual(await all(client.stream("generate", {}, given)), ["gg", "wp"]);
});
