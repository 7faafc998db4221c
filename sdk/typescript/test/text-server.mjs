// The stand-in that writes texts: tests/say_server.py.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { PYTHON } from "./service.mjs";

export const ROWS = JSON.parse(readFileSync(new URL("../../spec/say.json", import.meta.url), "utf8"));

/** Start it; resolves to its URL and what stops it. */
export async function writing() {
  const file = new URL("../../../tests/say_server.py", import.meta.url).pathname;
  const server = spawn(PYTHON, [file], { stdio: ["pipe", "pipe", "inherit"] });
  for await (const url of createInterface({ input: server.stdout })) {
    return { url, stop: () => server.stdin.end() };
  }
  throw new Error("the stand-in did not start");
}
