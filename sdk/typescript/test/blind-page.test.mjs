// The page on which a person judges two models: fifty pairs, a reload between, a result.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { launched } from "./chromium.mjs";

const root = new URL("../../../", import.meta.url).pathname;
const python = process.env.PYTHON ?? `${root}.venv/bin/python`;
const skip = existsSync(python) ? false : "there is no .venv: make venv";
const WRITE = `
from hotseat_train.reports.blind_page import Pair, blind_page
pairs = [Pair(f"Request {at}", "of one", "of another") for at in range(50)]
print(blind_page("Texts", ("one", "another"), pairs))
`;

test("fifty pairs are judged, a reload keeps them, and the result names the models", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "hotseat-blind-"));
  const file = join(folder, "page.html");
  writeFileSync(file, execFileSync(python, ["-c", WRITE]));
  const browser = await launched();
  try {
    const page = await browser.newPage();
    await page.goto(`file://${file}`);
    const shown = () => page.textContent("footer");
    assert.equal(await shown(), "0 of 50 judged");
    const pairs = page.locator("section");
    for (let at = 0; at < 50; at += 1) {
      if (at === 20) {
        await page.reload();
        assert.equal(await shown(), "20 of 50 judged");
      }
      const words = at < 40 ? /^of one$/ : at < 45 ? /^of another$/ : "No difference";
      await pairs.nth(at).locator("button").filter({ hasText: words }).click();
    }
    assert.match(await shown(), /^one: 40 preferred. another: 5. No difference: 5. .* 0.0 %.$/);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
});
