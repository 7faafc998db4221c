// In a real browser: Chromium, a page of one origin, a running service of another.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { launched } from "./chromium.mjs";
import { furnished, served } from "./service.mjs";
import { ROWS, writing } from "./text-server.mjs";

const HOME = new URL("..", import.meta.url).pathname;
const ORT = join(HOME, "node_modules/onnxruntime-web/dist");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript",
  ".wasm": "application/wasm" };
const PHASE = Number(process.env.HOTSEAT_FRAME_SECONDS ?? 12) / 4;

let pages, service, uri, browser, origin;

/** The SDK's own files, as any web server hands them out. */
function handed(request, response) {
  const path = new URL(request.url, "http://page").pathname;
  const file = path.startsWith("/ort/") ? join(ORT, path.slice(5)) : join(HOME, path);
  if (path.includes("..") || !existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" });
  response.end(readFileSync(file));
}

before(async () => {
  pages = createServer(handed);
  await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
  origin = `http://localhost:${pages.address().port}`;
  uri = furnished();
  service = await served(uri, { origins: origin });
  browser = await launched();
});
after(async () => {
  await browser?.close();
  await service?.stop();
  pages?.close();
});

async function opened(at = origin) {
  const page = await browser.newPage();
  await page.goto(`${at}/test/page.html`);
  await page.waitForFunction("window.loaded");
  return page;
}

test("every vector passes in the browser", async () => {
  const folder = new URL("../../spec/vectors/", import.meta.url);
  const vectors = readdirSync(folder).filter((name) => name.endsWith(".json"))
    .flatMap((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")));
  const page = await opened();
  const failed = await page.evaluate(async (all) => {
    const wrong = [];
    for (const vector of all) {
      await replay(vector, sdk).catch((error) => wrong.push(`${vector.name}: ${error.message}`));
    }
    return wrong;
  }, vectors);
  assert.ok(vectors.length > 60);
  assert.deepEqual(failed, []);
  await page.close();
});

test("every text is written in the browser, and one that is left ends", async () => {
  const server = await writing();
  const page = await opened();
  const found = await page.evaluate(async ([rows, url]) => {
    const { differences, left } = await import("/test/say.mjs");
    return [await differences(sdk, rows, url), await left(sdk, url)];
  }, [ROWS, server.url]);
  server.stop();
  assert.deepEqual(found, [[], [true, false, "CancelledError", "la "]]);
  await page.close();
});

test("a page whose origin the service names asks everything", async () => {
  const page = await opened();
  const found = await page.evaluate(async (baseUrl) => {
    const client = new sdk.ModelServiceClient({ baseUrl, deadline: 30, cacheSeconds: 60 });
    const board = Array.from({ length: 6 }, () => Array(7).fill(0));
    const line = { model: "chat-moderation" };
    const levels = { model: "sokoban-levels", seed: 1 };
    return {
      ready: await client.ready(),
      models: (await client.models()).map(({ name }) => name),
      kind: (await client.card("connect-four")).kind,
      plain: await client.predict("gg wp"),
      many: (await client.predictMany(["gg", "你好"], line)).length,
      again: (await client.predict("gg", line)).source === "cache",
      parts: (await client.explain("gg wp", line)).parts.length,
      move: await client.choose(board, { model: "connect-four", level: "hard" }),
      level: (await client.generate({ boxes: 2, difficulty: 3 }, levels)).item.length,
      ticket: (await client.submit({ board }, { model: "connect-four" }).wait()).action,
      refused: await client.predict({ text: 7 }, line).catch((error) => error.pointer),
    };
  }, service.url);
  assert.ok(found.ready && found.again);
  assert.deepEqual(found.models, ["chat-moderation", "connect-four", "sokoban-levels"]);
  assert.equal(found.kind, "policy");
  assert.equal(found.plain.model, "chat-moderation");
  assert.equal(found.many, 2);
  assert.ok(found.parts > 0);
  assert.equal(found.level, 10);
  assert.equal(found.ticket, found.move.action);
  assert.equal(found.refused, "/input/text");
  await page.close();
});

test("a page of another origin gets the default, and its player plays on", async () => {
  const page = await opened(origin.replace("localhost", "127.0.0.1"));
  const found = await page.evaluate(async (baseUrl) => {
    const client = new sdk.ModelServiceClient({ baseUrl });
    const asked = { model: "chat-moderation", deadline: 1 };
    return {
      error: await client.predict("gg", asked).catch((error) => error instanceof sdk.TransportError),
      answer: await client.predict("gg", { ...asked, default: "ok" }),
    };
  }, service.url);
  assert.equal(found.answer.label, "ok");
  assert.ok(found.answer.is_default);
  assert.equal(found.error, true);
  await page.close();
});

test("a version is kept in the browser, and plays when the page is opened offline", async () => {
  const page = await opened();
  const play = async (baseUrl) => {
    const board = Array.from({ length: 6 }, () => Array(7).fill(0));
    const client = new sdk.ModelServiceClient({ baseUrl, deadline: 5, offline: new Device() });
    const four = await client.download("connect-four#live");
    await client.download("chat-moderation");
    const move = await client.choose(board, { model: "connect-four", level: "hard" });
    const line = await client.predict("gg wp", { model: "chat-moderation" });
    return { current: four.is_current, move, line };
  };
  const online = await page.evaluate(play, service.url);
  assert.ok(online.current && online.move.source === "service");
  await page.reload(); // the page's memory is gone, the browser's cache is not
  await page.waitForFunction("window.loaded");
  const offline = await page.evaluate(play, "http://127.0.0.1:9");
  assert.ok(!offline.current && offline.move.source === "offline" && offline.line.source === "offline");
  assert.equal(offline.move.action, online.move.action);
  assert.equal(offline.line.label, online.line.label);
  await page.close();
});

/** In the page: a game loop that asks each frame, for some seconds or until it is told. */
async function loop({ baseUrl, seconds, ask }) {
  const board = Array.from({ length: 6 }, () => Array(7).fill(0));
  const client = new sdk.ModelServiceClient({ baseUrl, deadline: 0.3 });
  const told = { own: [], frames: [], answered: [], given: 0, openings: 0, late: 0 };
  Object.assign(window, { told, over: false });
  const watch = new PerformanceObserver((list) => (told.late += list.getEntries().length));
  watch.observe({ type: "longtask" });
  let tickets = [];
  const start = performance.now();
  await new Promise((resolve) => {
    let last = start;
    const frame = (now) => {
      told.frames.push(now - last);
      last = now;
      const began = performance.now();
      if (ask) {
        tickets.push(client.submit({ board }, { model: "connect-four" }));
        tickets = tickets.filter((ticket) => {
          const ready = ticket.ready();
          if (ready) {
            const found = ticket.result({ default: "3" });
            if (found.is_default) told.given += 1;
            else told.answered.push((began - start) / 1000);
          }
          return !ready;
        });
      }
      told.own.push(performance.now() - began);
      if (!window.over && now - start < 1000 * seconds) requestAnimationFrame(frame);
      else resolve();
    };
    requestAnimationFrame(frame);
  });
  watch.disconnect();
  told.openings = client.circuitOpenedCount;
  told.open = tickets.length;
  client.close();
  return told;
}

const at = (numbers, share) => [...numbers].sort((a, b) => a - b)[Math.floor(share * (numbers.length - 1))];
const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

test("a game loop misses no frame for the SDK, whatever the service does", async () => {
  const page = await opened();
  await page.bringToFront();
  // the same loop, asking nothing: what this machine makes of frames by itself
  const bare = await page.evaluate(loop, { baseUrl: service.url, seconds: PHASE, ask: false });
  const game = page.evaluate(loop, { baseUrl: service.url, seconds: 600, ask: true });
  await wait(PHASE);
  service.pause(); // it takes connections, and says nothing
  await wait(PHASE);
  const { port } = service;
  await service.stop(); // it is gone
  await wait(PHASE);
  service = await served(uri, { port, origins: origin });
  const before = await page.evaluate("told.answered.length");
  await page.waitForFunction(`told.answered.length > ${before}`, null, { timeout: 60_000 });
  await wait(PHASE);
  await page.evaluate("over = true");
  const told = await game;
  const { own, frames, answered } = told;
  const figures = {
    frames: frames.length, answered: answered.length, defaults: told.given,
    openings: told.openings, long_tasks: told.late,
    own_ms: { median: at(own, 0.5), p99: at(own, 0.99), most: at(own, 1) },
    frame_ms: { median: at(frames, 0.5), p99: at(frames, 0.99) },
    bare_ms: { median: at(bare.frames, 0.5), p99: at(bare.frames, 0.99) },
  };
  console.log(JSON.stringify(figures));
  assert.ok(answered.some((when) => when < PHASE), "answers came before");
  assert.ok(answered.length > before, "answers came again");
  assert.ok(told.given > 0 && told.openings > 0);
  assert.ok(figures.own_ms.p99 < 1, `submit, ready and result took ${figures.own_ms.p99} ms`);
  await page.close();
});

test("a search on the device leaves the frames their time", async () => {
  const page = await opened();
  await page.bringToFront();
  const figures = await page.evaluate(async ({ baseUrl, seconds }) => {
    const board = Array.from({ length: 6 }, () => Array(7).fill(0));
    const client = new sdk.ModelServiceClient({ baseUrl, deadline: 30, offline: new Device() });
    await client.download("connect-four#live");
    const away = new sdk.ModelServiceClient({
      baseUrl: "http://127.0.0.1:9", deadline: 0.05, offline: new Device(),
    });
    await away.download("connect-four#live", { deadline: 0.5 });
    const told = { frames: [], searches: 0, sources: new Set() };
    const question = { model: "connect-four", options: { level: "best" } };
    let ticket = null;
    await new Promise((resolve) => {
      const start = performance.now();
      let last = start;
      const frame = (now) => {
        told.frames.push(now - last);
        last = now;
        ticket ??= away.submit({ board }, question);
        if (ticket.ready()) {
          told.sources.add(ticket.result({ default: "3" }).source);
          told.searches += 1;
          ticket = null;
        }
        if (now - start < 1000 * seconds) requestAnimationFrame(frame);
        else resolve();
      };
      requestAnimationFrame(frame);
    });
    away.close();
    client.close();
    return { ...told, sources: [...told.sources] };
  }, { baseUrl: service.url, seconds: PHASE });
  const { frames, searches, sources } = figures;
  console.log(JSON.stringify({
    searches, frame_ms: { median: at(frames, 0.5), p99: at(frames, 0.99) },
  }));
  assert.deepEqual(sources, ["offline"]);
  assert.ok(searches > 3);
  // without a breath between its pieces a search lets no frame through at all
  assert.ok(frames.length > 2 * searches, `${frames.length} frames for ${searches} searches`);
  await page.close();
});
