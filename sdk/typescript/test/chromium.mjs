// Debian's Chromium, without a window and with a fresh profile.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function launched() {
  if (!existsSync(CHROMIUM)) throw new Error(`no ${CHROMIUM}: apt-get install chromium, or set CHROMIUM`);
  const profile = mkdtempSync(join(tmpdir(), "hotseat-chromium-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM, headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--no-first-run"],
  });
  process.on("exit", () => {
    try {
      rmSync(profile, { recursive: true, force: true });
    } catch {
      // Chromium's last process may still be writing: the system's own folder it is
    }
  });
  return browser;
}
