// One suite without a test runner, for every runtime: vectors, faults, odd inputs, ends.
import http from "node:http";
import { readFileSync } from "node:fs";
import * as sdk from "../dist/index.js";
import { replay } from "./replay.mjs";

let failed = 0;
async function check(name, act) {
  try {
    await act();
  } catch (error) {
    failed += 1;
    console.log(`failed: ${name}: ${error?.stack ?? error}`);
  }
}
function must(holds, what) {
  if (!holds) throw new Error(what);
}

for (const file of ["bad", "good", "retry"]) {
  const vectors = JSON.parse(readFileSync(new URL(`../../spec/vectors/${file}.json`, import.meta.url)));
  for (const vector of vectors) await check(vector.name, () => replay(vector, sdk));
}

const FAULTS = {
  "a redirect": (_, answer) => answer.writeHead(302, { location: "http://login.hotel/" }).end(),
  "no content": (_, answer) => answer.writeHead(204).end(),
  "a page": (_, answer) => answer.end("<html>"),
  "no answer": () => {},
  "a broken connection": (request) => request.socket.destroy(),
  "a broken gzip": (_, answer) => {
    answer.writeHead(200, { "content-encoding": "gzip" }).end(Buffer.from("1f8b08000000", "hex"));
  },
};
let fault = null;
const server = http.createServer((request, answer) => {
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    if (fault) return FAULTS[fault](request, answer);
    const many = JSON.parse(body).inputs;
    answer.end(JSON.stringify(many ? { predictions: many.map(() => ({ label: "ok" })) } : { label: "ok" }));
  });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const client = () => new sdk.ModelServiceClient({
  baseUrl: `http://127.0.0.1:${server.address().port}`, deadline: 0.4,
});
await check("an answer and a ticket", async () => {
  must((await client().predict("gg")).source === "service", "predict");
  must((await client().submit("gg").wait()).label === "ok", "submit");
});
for (fault of Object.keys(FAULTS)) {
  await check(fault, async () => {
    const began = Date.now();
    must((await client().predict("gg", { default: "d" })).is_default, "the default");
    must(Date.now() - began < 1000, `${Date.now() - began} ms`);
    await client().predict("gg").then(
      () => must(false, "nothing was thrown"),
      (error) => must(error instanceof sdk.HotseatError, `threw ${error}`),
    );
  });
}
await check("closing settles tickets", async () => {
  fault = "no answer";
  const one = client();
  const ticket = one.submit("gg");
  await new Promise((resolve) => setTimeout(resolve, 30));
  one.close();
  must(ticket.ready(), "the ticket is open");
});
server.closeAllConnections?.();
server.close();
console.log(failed ? `${failed} failed` : "all passed");
process.exit(failed ? 1 : 0);
