// The example page, played by a real browser: against a running service, then without it.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launched } from "./chromium.mjs";
import { furnished, served } from "./service.mjs";
import { ModelServiceClient } from "../dist/index.js";
import { serve } from "../examples/page/serve.mjs";

const PICTURES = process.env.HOTSEAT_PICTURES; // a folder to keep a screenshot in
let pages, service, browser;

before(async () => {
  pages = await serve();
  service = await served(furnished());
  browser = await launched();
});
after(async () => {
  await browser?.close();
  await service?.stop();
  pages?.close();
});

const GUIDE = readFileSync(new URL("../../../docs/how-to/games.md", import.meta.url), "utf8");

/** The program under a heading of docs/how-to/games.md, with the service of this test. */
function program(heading) {
  const [, block] = /```js\n(.*?)```/s.exec(GUIDE.slice(GUIDE.indexOf(`### ${heading}\n`)));
  return block.replace("https://models.example/prod", service.url).replace(/^import.*\n/gm, "");
}

const Program = Object.getPrototypeOf(async () => {}).constructor;

test("the quick start for Node runs as it stands", async () => {
  process.env.HOTSEAT_URL = service.url;
  const built = [];
  const run = new Program("ModelServiceClient", "hide", "build", program("Node"));
  const waited = new ModelServiceClient({ baseUrl: service.url, deadline: 30 });
  await waited.predict("gg"); // the first answer waits for the model
  await run(ModelServiceClient, () => {}, (rows) => built.push(rows));
  assert.equal(built[0].length, 10);
});

test("the quick start for the browser plays a move in a frame loop", async () => {
  const page = await browser.newPage();
  await page.goto(`http://localhost:${pages.address().port}/style.css`);
  const played = await page.evaluate(async (text) => {
    const { ModelServiceClient } = await import("/hotseat/index.js");
    return new Promise((resolve) => {
      const given = {
        ModelServiceClient, fetchToken: async () => "a-players-token",
        board: Array.from({ length: 6 }, () => Array(7).fill(0)),
        modelsTurn: () => true, play: resolve,
      };
      new Function(...Object.keys(given), text)(...Object.values(given));
    });
  }, program("The browser"));
  assert.match(played, /^[0-6]$/);
  await page.close();
});

test("a player plays, chats, and goes on when the network is gone", async () => {
  const page = await browser.newPage();
  await page.setViewportSize({ width: 980, height: 664 });
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(error.message));
  await page.goto(`http://localhost:${pages.address().port}/?service=${service.url}&deadline=5`);
  await page.waitForSelector("body.connect-four.chat-moderation", { state: "attached" });
  const stones = () => page.locator("#board .one, #board .two").count();
  const move = async (column) => {
    const before = await stones();
    await page.locator("#board button").nth(column).click();
    // the player's stone, and the answer's
    const both = (n) => document.querySelectorAll("#board .one, #board .two").length === n + 2;
    await page.waitForFunction(both, before);
  };
  const say = async (text) => {
    const count = await page.locator("#lines small").count();
    await page.fill("[name=text]", text);
    await page.click("form button");
    await page.waitForFunction((n) => document.querySelectorAll("#lines small").length > n, count);
    return page.locator("#lines li").last().innerText();
  };

  for (const column of [3, 2, 4]) await move(column);
  assert.equal(await stones(), 6);
  assert.match(await page.innerText("#source"), /by the service \(connect-four@1\)/);
  assert.match(await say("gg wp everyone"), /^gg wp everyone\nok by the service/);
  assert.match(await say("stupid noob team"), /^hidden: .*\ntoxic by the service/);
  assert.match(await say("report mid please"), /report by the service/);
  if (PICTURES) {
    mkdirSync(PICTURES, { recursive: true });
    await page.waitForTimeout(500);
    await page.screenshot({ path: `${PICTURES}/connect-four-page.png` });
  }

  await service.stop();
  await move(1);
  assert.match(await page.innerText("#source"), /by this device, offline \(connect-four@1\)/);
  assert.match(await say("good game"), /ok by this device, offline/);
  assert.deepEqual(troubles, []);
  await page.close();
});
