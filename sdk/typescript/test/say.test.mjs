// Texts as they are written: the vectors, cancellation, and what is refused at once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as sdk from "../dist/index.js";
import { differences, left } from "./say.mjs";
import { ROWS, writing } from "./text-server.mjs";

let server;
before(async () => (server = await writing()));
after(() => server.stop());

test("every vector, however its events are cut, in a loop and in frames", async () => {
  assert.ok(ROWS.length > 25);
  assert.deepEqual(await differences(sdk, ROWS, server.url), []);
});

test("a text that is left frees the service", async () => {
  assert.deepEqual(await left(sdk, server.url), [true, false, "CancelledError", "la "]);
});

test("no frame waits; a ticket without an answer says so", async () => {
  const transport = (_request, _seconds, signal) => new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new sdk.CancelledError("closed")));
  });
  const client = new sdk.ModelServiceClient({ baseUrl: "http://x.test", transport });
  const stream = client.say("Hi", { model: "npc", default: "Hm." });
  assert.deepEqual([stream.ready(), stream.take(), stream.text], [false, "", ""]);
  assert.throws(() => stream.result(), sdk.NotReadyError);
  assert.equal(stream.result({ default: "..." }).text, "...");
  await new Promise((resolve) => setTimeout(resolve, 1)); // it is sent
  client.close();
  await assert.rejects(stream.wait(), sdk.CancelledError);
});

test("half an emoji is the default, and nothing is sent", async () => {
  const transport = () => assert.fail("sent");
  const client = new sdk.ModelServiceClient({ baseUrl: "http://x.test", transport });
  const answer = await client.say({ words: "\ud83d" }, { model: "npc", default: "Hm." }).wait();
  assert.deepEqual([answer.text, answer.source], ["Hm.", "default"]);
});

test("mistakes of the program are thrown at once", () => {
  const client = new sdk.ModelServiceClient({ baseUrl: "http://x.test", transport: () => assert.fail("sent") });
  const refused = (input, more) =>
    assert.throws(() => client.say(input, { model: "npc", default: "Hm.", ...more }), sdk.ConfigError);
  refused(3);
  refused(null);
  refused("Hi", { schema: {}, grammar: "g" });
  refused("Hi", { deadline: 0 });
  refused("Hi", { deadline: NaN });
  refused("Hi", { model: ".." });
});
