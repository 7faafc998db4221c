// sdk/spec/vectors, replayed by the TypeScript SDK.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { DeadlineError, ModelServiceClient, TransportError } from "../dist/index.js";

const FOLDER = new URL("../../spec/vectors/", import.meta.url);
const vectors = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .flatMap((name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")));

function server(vector) {
  const met = { now: 100, waits: [], requests: [], answers: [...vector.server] };
  const draws = [...(vector.random ?? [])];
  const client = new ModelServiceClient({
    clock: () => met.now,
    random: () => draws.shift() ?? 0.5,
    sleep: async (seconds) => {
      met.waits.push(seconds);
      met.now += seconds;
    },
    transport: async (request, seconds) => {
      met.requests.push({ ...request, headers: { ...request.headers } });
      const answer = met.answers.shift();
      met.now += answer.takes ?? 0;
      if (answer.fault === "late") throw new DeadlineError(`no answer within ${seconds} s`);
      if (answer.fault) throw new TransportError(answer.fault);
      const body = answer.text ?? JSON.stringify(answer.body);
      return { status: answer.status, headers: answer.headers ?? {}, body };
    },
  });
  return { client, met };
}

function called(client, { method, ...given }) {
  const { input, inputs, board, wishes, player_id: playerId, ...rest } = given;
  const options = { ...rest, ...(playerId === undefined ? {} : { playerId }) };
  switch (method) {
    case "predict": return client.predict(input, options);
    case "predict_many": return client.predictMany(inputs, options);
    case "explain": return client.explain(input, options);
    case "choose": return client.choose(board, options);
    case "generate": return client.generate(wishes, options);
    case "models": return client.models();
  }
  throw new Error(method);
}

function picked(found, wanted) {
  if (Array.isArray(wanted)) return found.map((item, at) => picked(item, wanted[at]));
  return Object.fromEntries(Object.keys(wanted).map((name) => [name, found[name]]));
}

for (const vector of vectors) {
  test(vector.name, async () => {
    const { client, met } = server(vector);
    const { returns, raises, waits, requests } = vector.expect;
    if (raises) {
      const { class: name, ...fields } = raises;
      await assert.rejects(called(client, vector.call), (error) => {
        assert.equal(error.constructor.name, name);
        assert.deepEqual(picked(error, fields), fields);
        return true;
      });
    } else {
      const found = await called(client, vector.call);
      if (Array.isArray(returns)) assert.equal(found.length, returns.length);
      assert.deepEqual(picked(found, returns), returns);
    }
    if (waits) {
      assert.equal(met.waits.length, waits.length);
      waits.forEach((wait, at) => assert.ok(Math.abs(met.waits[at] - wait) < 1e-9));
    }
    if (requests) {
      assert.equal(met.requests.length, requests.length);
      const keys = new Set(met.requests.map((sent) => sent.headers["idempotency-key"]));
      assert.equal(keys.size, 1);
      requests.forEach((wanted, at) => {
        const sent = met.requests[at];
        if (wanted.path !== undefined) {
          assert.equal(sent.url, `http://localhost:8080${wanted.path}`);
          assert.equal(sent.method, wanted.method);
          assert.deepEqual(sent.body === null ? null : JSON.parse(sent.body), wanted.body);
        }
        for (const [name, value] of Object.entries(wanted.headers ?? {})) {
          assert.equal(sent.headers[name], value);
        }
      });
    }
    assert.equal(met.answers.length, 0);
  });
}
