// The last release of this SDK, compiled from the history, asks the newest service.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { furnished, served } from "./service.mjs";

const COMMIT = "db190be"; // as in tests/last_release.py
const ROOT = new URL("../../..", import.meta.url).pathname;
const packed = spawnSync("git", ["-C", ROOT, "archive", COMMIT, "sdk/typescript"], {
  maxBuffer: 1 << 28,
});
const skip = packed.status === 0 ? false : "the history is not here: git fetch --unshallow";
const folder = mkdtempSync(join(tmpdir(), "hotseat-last-"));
const BOARD = Array.from({ length: 6 }, (_, at) => Array(7).fill(0).fill(at === 5 ? 1 : 0, 2, 3));
let sdk, offline, service;

before(async () => {
  if (skip) return;
  execFileSync("tar", ["-x", "-C", folder], { input: packed.stdout });
  const old = join(folder, "sdk/typescript");
  symlinkSync(join(ROOT, "sdk/typescript/node_modules"), join(old, "node_modules"));
  execFileSync(join(old, "node_modules/.bin/tsc"), ["-p", "tsconfig.json"], { cwd: old });
  sdk = await import(pathToFileURL(join(old, "dist/index.js")));
  offline = await import(pathToFileURL(join(old, "dist/offline/index.js")));
  service = await served(furnished());
});
after(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("every kind of call is answered", { skip }, async () => {
  const client = new sdk.ModelServiceClient({ baseUrl: service.url, deadline: 30 });
  const text = await client.predict("good game", { model: "chat-moderation" });
  assert.ok(text.label && text.source === "service");
  const tickets = ["gg", "wp"].map((line) => client.submit(line, { model: "chat-moderation" }));
  for (const ticket of tickets) assert.ok((await ticket.wait()).label);
  const move = await client.choose(BOARD, { model: "connect-four", level: "hard" });
  assert.ok(Number(move.action) in [0, 1, 2, 3, 4, 5, 6]);
  assert.ok((await client.models()).some(({ name }) => name === "connect-four"));
  assert.ok((await client.explain("good game", { model: "chat-moderation" })).parts.length);
  await assert.rejects(client.predict("x", { model: "nobody" }), sdk.NotFoundError);
  await assert.rejects(client.predict({ no: 1 }, { model: "connect-four" }), sdk.BadInputError);
  client.close();
});

test("a version of today runs on its device, and answers alike", { skip }, async () => {
  const online = new sdk.ModelServiceClient({ baseUrl: service.url, deadline: 30 });
  const state = { away: false };
  const client = new sdk.ModelServiceClient({
    baseUrl: service.url, deadline: 30, sleep: async () => {},
    offline: new offline.Device({ store: offline.memory() }),
    fetch: (...asked) => (state.away ? Promise.reject(new TypeError("away")) : fetch(...asked)),
  });
  assert.ok((await client.download("connect-four#live")).is_current);
  state.away = true;
  const question = { model: "connect-four", level: "easy", seed: 7 };
  const [here, there] = [await client.choose(BOARD, question), await online.choose(BOARD, question)];
  assert.deepEqual([here.source, there.source], ["offline", "service"]);
  assert.deepEqual([here.action, here.version], [there.action, there.version]);
  client.close();
  online.close();
});
