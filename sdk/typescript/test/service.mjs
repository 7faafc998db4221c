// A running `hotseat serve` with real models: HOTSEAT_URL, or one that is started here.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = new URL("../../..", import.meta.url).pathname;
export const PYTHON = process.env.HOTSEAT_PYTHON ?? join(ROOT, ".venv/bin/python");

/** Publish the models that come along into a folder; returns the registry's URI. */
export function furnished() {
  if (!existsSync(PYTHON)) throw new Error(`no ${PYTHON}: make venv, or set HOTSEAT_PYTHON`);
  const kept = process.env.HOTSEAT_PLAYGROUND;
  const folder = kept ?? mkdtempSync(join(tmpdir(), "hotseat-"));
  if (!kept) process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const uri = execFileSync(PYTHON, [join(ROOT, "tests/playground.py"), folder], {
    encoding: "utf8", timeout: 300_000,
  });
  return uri.trim();
}

/** Serve a registry; resolves to its URL, and what stops it. */
export async function served(uri, { port = 0, origins = "*" } = {}) {
  const server = spawn(PYTHON, [
    "-m", "hotseat._cli", "serve", "--registry", uri, "--port", String(port),
    "--model", "chat-moderation", "--origins", origins, "--downloads", "*",
  ], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: server.stdout })) {
    const found = / on (http:\S+)/.exec(line);
    if (!found) continue;
    const stop = () => new Promise((resolve) => {
      if (server.exitCode !== null || server.signalCode) return resolve();
      server.once("exit", resolve);
      server.kill("SIGCONT"); // one that was paused hears nothing else
      server.kill();
    });
    process.once("exit", () => server.kill("SIGKILL"));
    const pause = () => server.kill("SIGSTOP");
    return { url: found[1], port: Number(new URL(found[1]).port), stop, pause };
  }
  throw new Error("the service did not start");
}
