// A network that fails in every way, on loopback: deadlines hold, and errors are ours.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { HotseatError, ModelServiceClient } from "../dist/index.js";

const DEADLINE = 0.25;
const LATE = 250; // ms; a busy machine is late, and the next answer comes after a second
const BODY = JSON.stringify({ label: "ok" });
const head = (length, status = "200 OK", more = "") =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${more}content-length: ${length}\r\n\r\n`;
const FAULTS = {
  "no answer at all": () => {},
  "a reset": (socket) => socket.resetAndDestroy(),
  "an end without an answer": (socket) => socket.end(),
  "half an answer, then nothing": (socket) => socket.write(head(100) + '{"label": "o'),
  "half an answer, then the end": (socket) => socket.end(head(100) + '{"label": "o'),
  "a byte at a time": (socket) => {
    const whole = head(BODY.length) + BODY;
    let at = 0;
    const timer = setInterval(() => socket.write(whole[at++] ?? " "), 20);
    socket.on("close", () => clearInterval(timer));
  },
  "garbage": (socket) => socket.end("\x16\x03\x01 nothing that anybody understands"),
  "a page of somebody else": (socket) => socket.end(head(13) + "<html></html>"),
  "503 for a second": (socket) => socket.end(head(0, "503 Busy", "retry-after: 1\r\n")),
  "503 again and again": (socket) => socket.end(head(0, "503 Busy", "retry-after: 0\r\n")),
  "a redirect without end": (socket) => socket.end(head(0, "302 Found", "location: /\r\n")),
  "an answer in time, but for one byte": (socket) => {
    socket.write(head(BODY.length) + BODY.slice(0, -1));
    setTimeout(() => socket.destroyed || socket.end("}"), 1000);
  },
};

async function faulty(act, ask) {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.once("data", () => act(socket));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await ask(server.address().port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Ask five times; how far past the deadline the middle one came back, in ms. */
async function overshoot(baseUrl) {
  const over = [];
  for (let time = 0; time < 5; time += 1) {
    // fresh each time: an open circuit would answer for the network
    const client = new ModelServiceClient({ baseUrl, deadline: DEADLINE });
    const began = performance.now();
    await client.predict("x").then(
      () => assert.fail("there was no answer to be had"),
      (error) => assert.ok(error instanceof HotseatError, String(error)),
    );
    over.push(performance.now() - began - 1000 * DEADLINE);
    assert.ok((await client.predict("x", { default: "ok", deadline: 0.05 })).is_default);
  }
  return over.sort((a, b) => a - b)[2];
}

for (const [name, act] of Object.entries(FAULTS)) {
  test(`${name}: the deadline holds, the error is known, the default stands in`, async () => {
    await faulty(act, async (port) => {
      const over = await overshoot(`http://127.0.0.1:${port}`);
      assert.ok(over < LATE, `${over} ms over`);
    });
  });
}

test("TLS that is none, and nobody there: the same", async () => {
  await faulty((socket) => socket.end("no TLS"), async (port) => {
    assert.ok((await overshoot(`https://127.0.0.1:${port}`)) < LATE);
  });
  assert.ok((await overshoot("http://127.0.0.1:9")) < LATE);
});
