// The same versions on this device: against a running service, then without it.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  BadInputError, ConfigError, HotseatError, ModelServiceClient, TransportError,
} from "../dist/index.js";
import { Device, memory } from "../dist/offline/index.js";
import { folder } from "../dist/offline/folder.js";
import { furnished, served } from "./service.mjs";

const EMPTY = Array.from({ length: 6 }, () => Array(7).fill(0));
const OPENING = EMPTY.map((row, at) => (at === 5 ? [0, 0, 1, 1, 2, 2, 0] : row));
// whoever is to move wins at once in column 3, and loses else
const WON = EMPTY.map((row, at) => (at === 5 ? [1, 1, 1, 0, 2, 2, 2] : row));
// whoever is to move loses at once but in column 3
const THREAT = EMPTY.map((row, at) => (at === 5 ? [1, 1, 1, 0, 2, 0, 2] : row));
let service;
let online;

before(async () => {
  service = await served(furnished());
  online = new ModelServiceClient({ baseUrl: service.url, deadline: 30 });
});
after(() => service.stop());

/** A client whose service goes away when it is told. */
function cut(store = memory()) {
  const state = { away: false };
  const client = new ModelServiceClient({
    baseUrl: service.url, deadline: 30, offline: new Device({ store }), sleep: async () => {},
    fetch: (...asked) => (state.away ? Promise.reject(new TypeError("cable pulled")) : fetch(...asked)),
  });
  return { client, state };
}

test("a policy answers on the device as the service does", async () => {
  const { client, state } = cut();
  const local = await client.download("connect-four#live");
  assert.ok(local.is_current);
  state.away = true;
  for (const asked of [{}, { level: "easy", seed: 7 }, { level: "medium", seed: 2 ** 40 + 1 },
    { level: "hard" },
    { temperature: 1, seed: 3, legal: [0, 6] }]) {
    const question = { model: "connect-four", ...asked };
    const [here, there] = await Promise.all([
      client.choose(OPENING, question), online.choose(OPENING, question),
    ]);
    assert.ok(here.source === "offline" && there.source === "service");
    assert.equal(here.action, there.action);
    assert.equal(here.version, there.version);
    assert.deepEqual(Object.keys(here.actions), Object.keys(there.actions));
    for (const [name, share] of Object.entries(there.actions)) {
      assert.ok(Math.abs(here.actions[name] - share) < 1e-4);
    }
    assert.ok(Math.abs(here.value - there.value) < 1e-4);
  }
  const ten = Array.from({ length: 10 }, (_, seed) => client.choose(OPENING, {
    model: "connect-four", level: "easy", seed,
  }));
  const same = Array.from({ length: 10 }, (_, seed) => online.choose(OPENING, {
    model: "connect-four", level: "easy", seed,
  }));
  const actions = (found) => found.map(({ action }) => action);
  assert.deepEqual(actions(await Promise.all(ten)), actions(await Promise.all(same)));
});

test("a search on the device finds what is won", async () => {
  const { client, state } = cut();
  await client.download("connect-four#live");
  state.away = true;
  const found = await client.choose(WON, { model: "connect-four", level: "best" });
  assert.equal(found.action, "3");
  assert.ok(found.value > 0.9); // 1, where there was time to prove it
});

test("hard takes a win and blocks a threat on the device", async () => {
  const { client, state } = cut();
  await client.download("connect-four#live");
  state.away = true;
  for (const board of [WON, THREAT]) {
    const found = await client.choose(board, { model: "connect-four", level: "hard" });
    assert.equal(found.action, "3");
  }
});

test("a text model answers on the device as the service does", async () => {
  const { client, state } = cut();
  await client.download("chat-moderation");
  state.away = true;
  const lines = ["gg wp", "report mid", "你好 😀"];
  const given = { model: "chat-moderation" };
  const [here, there] = await Promise.all([
    client.predictMany(lines, given), online.predictMany(lines, given),
  ]);
  here.forEach((found, at) => {
    assert.equal(found.label, there[at].label);
    assert.ok(Math.abs(found.probability - there[at].probability) < 1e-3);
  });
  await assert.rejects(client.predict("  ", given), BadInputError);
});

test("of a long text the same part is the worst on the device as in the service", async () => {
  const { client, state } = cut();
  await client.download("chat-moderation");
  state.away = true;
  const given = { model: "chat-moderation" };
  const calm = "well played everyone 😀 ".repeat(120);
  const long = `${calm}stupid noob team, uninstall the game ${calm}打得很好`;
  for (const text of [long, { text: long }, "打得好".repeat(350) + "垃圾" + "打得好".repeat(350), " ".repeat(3000) + "gg"]) {
    const [[here, beside], [there]] = await Promise.all([
      client.predictMany([text, "gg"], given), online.predictMany([text, "gg"], given),
    ]);
    assert.equal(here.source, "offline");
    assert.equal(there.source, "service");
    assert.deepEqual(here.judged_part, there.judged_part);
    assert.equal(here.label, there.label);
    assert.equal(beside.judged_part, null);
  }
  const [judged] = await client.predictMany([long], given);
  const { start, end, of } = judged.judged_part;
  assert.ok(of >= 3);
  assert.match(Array.from(long).slice(start, end).join(""), /stupid/);
  const tooLong = "word ".repeat(10_000);
  for (const asker of [client, online]) {
    await assert.rejects(asker.predict(tooLong, given), { code: "too_large", message: /16 parts of 2048/ });
    assert.ok((await asker.predict(tooLong, { ...given, default: "ok" })).is_default);
  }
});

test("a version that is kept is opened without a network, and by a second process", async () => {
  const path = mkdtempSync(join(tmpdir(), "hotseat-"));
  try {
    await cut(folder(path)).client.download("connect-four@1");
    const { client, state } = cut(folder(path));
    state.away = true;
    const local = await client.download("connect-four@1");
    assert.ok(!local.is_current);
    const asked = { model: "connect-four", version: 1 };
    assert.ok((await client.choose(OPENING, asked)).source === "offline");
    // of another version the device knows nothing
    await assert.rejects(client.choose(OPENING, { ...asked, version: 2 }), TransportError);
    for (const name of readdirSync(path)) {
      if (name.includes("%2F")) writeFileSync(join(path, name), "damaged");
    }
    await assert.rejects(client.download("connect-four@1"), HotseatError);
    state.away = false; // what is damaged is fetched again
    assert.ok((await cut(folder(path)).client.download("connect-four@1")).is_current);
  } finally {
    rmSync(path, { recursive: true });
  }
});

test("bytes that were not published are never run", async () => {
  const client = new ModelServiceClient({
    baseUrl: service.url, offline: new Device({ store: memory() }),
    fetch: async (url, asked) => {
      const answer = await fetch(url, asked);
      if (!String(url).includes("/files/model.onnx")) return answer;
      const bytes = new Uint8Array(await answer.arrayBuffer());
      bytes[1000] ^= 1;
      return new Response(bytes, { status: 206 });
    },
  });
  await assert.rejects(client.download("connect-four"), /does not match its digest/);
});

/** A client whose service tells of a version in other words. */
function lying(change, store = memory()) {
  const asked = [];
  const client = new ModelServiceClient({
    baseUrl: service.url, offline: new Device({ store }), sleep: async () => {},
    fetch: async (url, given) => {
      asked.push(String(url));
      const answer = await fetch(url, given);
      if (!/\/versions\/[^/]+$/.test(String(url))) return answer;
      const told = await answer.json();
      change(told, told.manifest.files["model.onnx"]);
      return new Response(JSON.stringify(told), { status: 200 });
    },
  });
  return { client, asked };
}

test("digests, sizes and numbers that are none are refused before a file is fetched", async () => {
  const changes = [
    (told, file) => { file.sha256 = "../../x"; }, (told, file) => { file.sha256 = "A".repeat(64); },
    (told, file) => { file.sha256 = ["0".repeat(64)]; }, (told, file) => { file.size = -1; },
    (told, file) => { file.size = 1.5; }, (told, file) => { file.size = "9"; },
    (told) => { told.manifest.version = 0; }, (told) => { told.manifest.version = "1"; },
    (told) => { told.manifest.variants = {}; }, (told) => { told.manifest.files = null; },
    (told) => { told.variant = "other"; }, (told) => { told.manifest.signature = null; },
    (told) => { told.manifest = null; }, (told) => { told.manifest.golden = "hasOwnProperty"; },
  ];
  for (const change of changes) {
    const { client, asked } = lying(change);
    await assert.rejects(client.download("connect-four"), (error) => {
      assert.ok(error instanceof TransportError);
      assert.match(error.message, /describes no version with a graph/);
      return true;
    });
    assert.equal(asked.length, 1, String(change));
  }
  const { client, asked } = lying((told, file) => { file.size = 2 ** 40; });
  await assert.rejects(client.download("connect-four"), /the limit on a device is 1073741824/);
  assert.equal(asked.length, 1);
});

test("no memory is taken because a size was said", async () => {
  const { client } = lying((told, file) => { file.size = 2 ** 30 - 10_000_000; });
  const before = process.memoryUsage().arrayBuffers;
  await assert.rejects(client.download("connect-four"), HotseatError);
  assert.ok(process.memoryUsage().arrayBuffers - before < 100_000_000);
});

test("what a version says of itself in other words is refused by the SDK's errors", async () => {
  for (const change of [
    (told) => { told.manifest.signature.inputs = [null]; },
    (told) => { told.manifest.signature.inputs = [{ name: 1, shape: "x", form: "board" }]; },
    (told) => { told.manifest.signature.outputs = 3; told.manifest.signature.labels = 7; },
    (told) => { told.manifest.kind = "constructor"; },
    (told) => { told.manifest.golden = "model.onnx"; },
  ]) {
    await assert.rejects(lying(change).client.download("connect-four"), HotseatError);
  }
});

test("a folder is the user's alone, and a damaged note is fetched again", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "hotseat-")), "device");
  try {
    await cut(folder(path)).client.download("chat-moderation");
    if (process.platform !== "win32") assert.equal(statSync(path).mode & 0o777, 0o700);
    for (const note of ["{", "null", "[]", "{}"]) {
      writeFileSync(join(path, encodeURIComponent("chat-moderation#live")), note);
      const { client, state } = cut(folder(path));
      state.away = true;
      await assert.rejects(client.download("chat-moderation"), TransportError);
      assert.ok((await cut(folder(path)).client.download("chat-moderation")).is_current);
    }
  } finally {
    rmSync(path, { recursive: true });
  }
});

test("what a device cannot run is said before it is needed", async () => {
  const { client } = cut();
  await assert.rejects(client.download("sokoban-levels"), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /the kind generation, which this device cannot run: use the service/);
    return true;
  });
  await assert.rejects(online.download("connect-four"), /pass offline, a Device/);
  await assert.rejects(client.download("nobody"), /model_not_found/);
  const without = new ModelServiceClient({
    baseUrl: service.url,
    offline: new Device({ store: memory(), runtime: () => import("no-such-package") }),
  });
  await assert.rejects(without.download("connect-four"), /onnxruntime-web is missing: npm install it/);
});

test("an alias is followed beside the game, until the client is closed", async () => {
  let looks = 0;
  const client = new ModelServiceClient({
    baseUrl: service.url, offline: new Device({ store: memory() }),
    fetch: (url, asked) => {
      if (String(url).endsWith("/versions/live")) looks += 1;
      return fetch(url, asked);
    },
  });
  const wait = () => new Promise((resolve) => setTimeout(resolve, 400));
  await client.download("connect-four#live", { refresh: 0.1 });
  await wait();
  assert.ok(looks > 1);
  client.close();
  await wait(); // one that was under way may end
  const before = looks;
  await wait();
  assert.equal(looks, before);
});
