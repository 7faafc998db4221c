// The playground in Chromium: every part, promote and roll back, the cable, keyboard, phone.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { launched } from "./chromium.mjs";

const root = new URL("../../../", import.meta.url).pathname;
const python = process.env.PYTHON ?? `${root}.venv/bin/python`;
const skip = existsSync(python) ? false : "there is no .venv: make venv";
let browser, address, server;

before(async () => {
  if (skip) return;
  const PYTHONPATH = [`${root}tests/playground_part`, process.env.PYTHONPATH].filter(Boolean).join(":");
  server = spawn(python, ["-m", "hotseat_train.playground", "--no-browser"], {
    stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, PYTHONPATH },
  });
  address = await new Promise((resolve, reject) => {
    let said = "";
    server.stdout.on("data", (more) => {
      said += more;
      const found = /http:\S+/.exec(said);
      if (found) resolve(found[0]);
    });
    server.on("exit", () => reject(new Error("the playground did not start: make playground")));
  });
  browser = await launched();
});
after(async () => {
  await browser?.close();
  server?.kill();
});

async function page(width, height) {
  const opened = await browser.newPage();
  await opened.setViewportSize({ width, height });
  const errors = [];
  opened.on("pageerror", (error) => errors.push(error.message));
  opened.on("console", (line) => line.type() === "error" && errors.push(line.text()));
  await opened.goto(address);
  return { opened, errors };
}
const says = (opened, id, pattern) => opened.waitForFunction(
  ([name, wanted]) => new RegExp(wanted).test(document.getElementById(name).textContent), [id, pattern.source], { timeout: 15_000 },
);

test("each part answers, goes on without the cable, and follows a promotion", { skip }, async () => {
  const { opened, errors } = await page(1180, 820);
  await opened.locator(".column").nth(3).click();
  await says(opened, "version", /connect-four@1/);
  assert.equal(await opened.locator(".board .two").count(), 1);
  await opened.waitForSelector("body.ready", { timeout: 60_000 });
  await opened.selectOption("#versions", "2");
  await opened.click("#promote");
  await says(opened, "moved", /Version 2 is live/);
  await opened.waitForTimeout(1500); // the service follows within its refresh time
  await opened.locator(".column").nth(0).click();
  await says(opened, "version", /connect-four@2/);
  await opened.click("#rollback");
  await says(opened, "moved", /Back on version 1/);

  await opened.click("#cable");
  assert.equal(await opened.getAttribute("#cable", "aria-checked"), "false");
  await opened.locator(".column").nth(6).click();
  await says(opened, "source", /this device/);
  await opened.getByRole("tab", { name: "Sokoban" }).click();
  await says(opened, "source", /nobody/);
  assert.ok(await opened.locator(".level .box").count());
  await opened.click("#cable");

  await opened.click("text=New level");
  await says(opened, "version", /sokoban-levels@1/);
  await opened.getByRole("tab", { name: "Chat" }).click();
  for (const line of ["gg wp", "you are trash"]) {
    await opened.fill(".say input", line);
    await opened.keyboard.press("Enter");
  }
  await opened.waitForSelector("mark", { timeout: 10_000 });
  assert.equal(await opened.locator(".lines .hidden").count(), 1);
  await opened.getByRole("tab", { name: "Churn" }).click();
  await opened.waitForSelector(".bars .bar", { timeout: 10_000 });
  assert.match(await opened.textContent(".risk"), /^\d+ %$/);
  assert.match(await opened.textContent("#cost"), /^\$\d+\.\d\d$/);
  await opened.getByRole("tab", { name: "Words" }).click(); // its models are too large to come along
  await opened.waitForSelector("text=No text model is installed");
  await opened.getByRole("tab", { name: "Pictures" }).click();
  await opened.waitForSelector("text=No picture moderation is installed");
  await opened.getByRole("tab", { name: "Echo" }).click(); // of another package
  await says(opened, "version", /echo@1/);
  assert.equal(await opened.textContent("#part"), "leaves");
  assert.deepEqual(errors, []);
});

test("a phone shows every part without a sideways scroll", { skip }, async () => {
  const { opened, errors } = await page(390, 800);
  for (const name of ["Connect Four", "Chat", "Sokoban", "Churn", "Words", "Pictures", "Echo"]) {
    await opened.getByRole("tab", { name }).click();
    await opened.waitForTimeout(200);
    const wide = await opened.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `${name}: ${wide} pixels`);
  }
  assert.deepEqual(errors, []);
});

test("the keyboard reaches all, and every control has a name", { skip }, async () => {
  const { opened } = await page(1180, 820);
  await opened.waitForSelector("#tab-echo");
  await opened.locator("[role=tab][aria-selected=true]").focus();
  for (const name of ["Chat", "Sokoban", "Churn", "Words", "Pictures", "Echo", "Connect Four"]) {
    await opened.keyboard.press("ArrowRight");
    assert.equal(await opened.textContent("[role=tab][aria-selected=true]"), name);
    const nameless = await opened.evaluate(() =>
      [...document.querySelectorAll("button, input, select, [role]")].filter((one) =>
        !(one.ariaLabel || one.getAttribute("aria-labelledby") || one.labels?.length || one.textContent.trim()) &&
        one.getAttribute("role") !== "status").map((one) => one.outerHTML));
    assert.deepEqual(nameless, [], name);
  }
  // the level that was on its way is drawn nowhere else
  await opened.waitForTimeout(2000);
  await opened.locator(".column").nth(2).focus();
  await opened.keyboard.press("Enter");
  await says(opened, "source", /service/);
});

test("a quest that is being written is shown as far as it goes", async () => {
  const words = new URL("../../../training/hotseat_train/playground/page/parts/words.js", import.meta.url);
  const { partial, modelIn, spokenSlot } = await import(words);
  const quest = { title: 'The "old" lamp {', steps: ["a]", "b\\"], gold: 10 };
  const text = JSON.stringify(quest);
  for (let end = 1; end < text.length; end += 1) {
    const found = partial(text.slice(0, end));
    for (const [name, value] of Object.entries(found)) {
      assert.ok(JSON.stringify(quest[name]).startsWith(JSON.stringify(value).replace(/["\]]+$/, "")), text.slice(0, end));
    }
  }
  assert.deepEqual(partial(text), quest);
  assert.equal(partial(""), null);
  assert.equal(modelIn({ four: { kind: "policy" }, npc: { kind: "text" } }), "npc");
  const slots = ["persona", "words", "lore"].map((name) => ({ name }));
  assert.equal(spokenSlot({ slots, retrieval: { slot: "lore" } }), "words");
  assert.equal(spokenSlot({ slots: [{ name: "place", choices: ["a"] }, { name: "item" }] }), "item");
});
