// What a browser asks before a call to another origin: one preflight a path, none for reads.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import { launched } from "./chromium.mjs";

test("one preflight a path, however many calls, and none for reads without a key", async () => {
  const seen = [];
  const service = createServer((request, answer) => {
    seen.push(`${request.method} ${request.url}`);
    answer.setHeader("access-control-allow-origin", "*");
    answer.setHeader("access-control-allow-headers", "content-type, deadline-ms, idempotency-key");
    answer.setHeader("access-control-max-age", "86400"); // as the service says
    if (request.method === "OPTIONS") return answer.writeHead(204).end();
    request.resume();
    return request.on("end", () => answer.end('{"label":"ok","models":[]}'));
  });
  const pages = createServer((request, answer) => {
    answer.setHeader("content-type", request.url.endsWith("js") ? "text/javascript" : "text/html");
    const isModule = request.url.endsWith(".js");
    answer.end(isModule ? readFileSync(new URL(`../dist${request.url}`, import.meta.url)) : "<p>");
  });
  for (const server of [service, pages]) await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await launched();
  try {
    const page = await browser.newPage();
    await page.goto(`http://localhost:${pages.address().port}/`);
    const baseUrl = `http://127.0.0.1:${service.address().port}`;
    await page.evaluate(async (url) => {
      const { ModelServiceClient } = await import("/index.js");
      const client = new ModelServiceClient({ baseUrl: url });
      for (let call = 0; call < 10; call += 1) await client.predict(`line ${call}`, { model: "chat" });
      await client.models();
    }, baseUrl);
    const options = seen.filter((line) => line.startsWith("OPTIONS"));
    assert.deepEqual(options, ["OPTIONS /v1/models/chat/predict"]);
    assert.equal(seen.filter((line) => line.startsWith("POST")).length, 10);
    // a page that may not call: the error says what to set
    service.removeAllListeners("request");
    service.on("request", (_, answer) => answer.end("{}"));
    const said = await page.evaluate(async (url) => {
      const { ModelServiceClient } = await import("/index.js");
      return new ModelServiceClient({ baseUrl: url, retries: 0 }).models().then(String, String);
    }, baseUrl);
    assert.match(said, /HOTSEAT_ORIGINS=http:\/\/localhost/);
  } finally {
    await browser.close();
    for (const server of [service, pages]) {
      server.closeAllConnections();
      server.close();
    }
  }
});
