// The packed SDK in vite, webpack, esbuild and Metro, as a plain <script>, and in Chromium.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { after, before, test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { launched } from "../chromium.mjs";

const HERE = new URL(".", import.meta.url).pathname;
const GAME = join(HERE, "game");
const out = mkdtempSync(join(tmpdir(), "hotseat-bundles-"));
const require = createRequire(import.meta.url);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
let browser, server, origin;

before(async () => {
  // what `npm install` of the archive puts there
  const packed = execFileSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", out], { cwd: join(HERE, "../.."), encoding: "utf8" });
  const home = join(HERE, "node_modules/hotseat");
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  execFileSync("tar", ["xzf", join(out, packed.trim()), "--strip-components=1", "-C", home]);
  server = createServer((request, response) => {
    if (request.method === "POST") {
      request.resume().on("end", () => response.setHeader("content-type", "application/json").end('{"label": "fine"}'));
      return;
    }
    const path = new URL(request.url, "http://x").pathname;
    try {
      const body = readFileSync(join(out, path.endsWith("/") ? `${path}index.html` : path));
      response.setHeader("content-type", TYPES[extname(path)] ?? "text/html").end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  origin = `http://127.0.0.1:${server.address().port}`;
  browser = await launched();
});
after(async () => {
  await browser?.close();
  server?.close();
  rmSync(out, { recursive: true, force: true });
});

/** Open a built game; React, the worker and the offline model's runtime have to answer. */
async function plays(name) {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(`${origin}/${name}/`);
  await page.waitForFunction(() => ["react", "worker", "offline"].every((part) => document.body.dataset[part]), null, { timeout: 60_000 })
    .catch(() => {});
  assert.deepEqual({ ...(await page.evaluate(() => ({ ...document.body.dataset }))), errors },
    { react: "fine from service", worker: "fine from service", offline: "2,4", errors: [] });
  await page.close();
}

/** The runtime's files in a folder: one build, the small one. */
function wasmOf(folder) {
  const all = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".wasm"));
  assert.equal(all.length, 1, all.join());
  const small = require.resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm");
  assert.equal(statSync(join(folder, all[0])).size, statSync(small).size);
}

test("vite", async () => {
  const { build } = await import("vite");
  await build({ root: GAME, base: "./", logLevel: "error", worker: { format: "es" }, build: { outDir: join(out, "vite"), emptyOutDir: true } });
  wasmOf(join(out, "vite"));
  await plays("vite");
});

test("webpack", async () => {
  const { default: webpack } = await import("webpack");
  const folder = join(out, "webpack");
  const stats = await new Promise((resolve, reject) => webpack({
    context: GAME, mode: "production", entry: "./game.js", output: { path: folder, filename: "game.js" },
    performance: false,
  }, (error, done) => (error ? reject(error) : resolve(done))));
  assert.ok(!stats.hasErrors(), stats.toString("errors-only"));
  cpSync(join(GAME, "index.html"), join(folder, "index.html"));
  wasmOf(folder);
  await plays("webpack");
});

test("esbuild", async () => {
  const esbuild = require("esbuild");
  const folder = join(out, "esbuild");
  await esbuild.build({
    entryPoints: ["game.js", "worker.js"].map((name) => join(GAME, name)), bundle: true, format: "esm", splitting: true,
    minify: true, outdir: folder, logLevel: "error", define: { "process.env.NODE_ENV": '"production"' },
  });
  // esbuild moves no file of `new URL(..., import.meta.url)`: the game copies it
  cpSync(require.resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"), join(folder, "ort-wasm-simd-threaded.wasm"));
  cpSync(join(GAME, "index.html"), join(folder, "index.html"));
  wasmOf(folder);
  await plays("esbuild");
});

test("a plain script defines Hotseat", async () => {
  mkdirSync(join(out, "script"));
  cpSync(require.resolve("hotseat/script"), join(out, "script/hotseat.min.js"));
  writeFileSync(join(out, "script/index.html"), `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
    <script src="hotseat.min.js"></script><script>
    new Hotseat.ModelServiceClient({ baseUrl: location.origin }).predict("gg")
      .then(({ label }) => { document.body.dataset.label = label; });</script>`);
  const page = await browser.newPage();
  await page.goto(`${origin}/script/`);
  await page.waitForFunction(() => document.body?.dataset.label === "fine");
  await page.close();
});

test("Metro bundles it for React Native, whose runtime has fewer globals", async () => {
  const { default: Metro } = await import("metro");
  const config = await Metro.loadConfig({ cwd: GAME, config: join(HERE, "metro.config.cjs") });
  const { code } = await Metro.runBuild(config, { entry: "native.js", platform: "ios", dev: false, minify: true });
  // of the web's interfaces React Native's runtime has these
  const scope = createContext({
    fetch, setTimeout, clearTimeout, setInterval, clearInterval, AbortController, AbortSignal: undefined, console,
    performance: { now: () => performance.now() },
  });
  scope.globalThis = scope.global = scope.window = scope.self = scope;
  runInContext(code, scope);
  assert.equal(await scope.ask(origin), "fine from service");
});
