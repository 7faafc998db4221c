// One vector of sdk/spec/vectors, replayed; the same code runs in Node and in a browser.

/** Replay a vector with an SDK; throws an Error that says what was otherwise. */
export async function replay(vector, sdk) {
  const { client, met } = server(vector, sdk);
  const { returns, raises, waits, requests } = vector.expect;
  let found, raised;
  try {
    found = await called(client, vector.call);
  } catch (error) {
    raised = error;
  }
  if (raises) {
    const { class: name, ...fields } = raises;
    if (!raised) throw new Error(`nothing was raised, but returned: ${JSON.stringify(found)}`);
    same({ class: raised.constructor.name, ...picked(raised, fields) }, raises, "raised");
  } else {
    if (raised) throw raised;
    if (Array.isArray(returns)) same(found.length, returns.length, "answers");
    same(picked(found, returns), returns, "returned");
  }
  if (waits) {
    const off = waits.some((wait, at) => !(Math.abs(met.waits[at] - wait) < 1e-9));
    if (off || waits.length !== met.waits.length) same(met.waits, waits, "waits");
  }
  if (requests) {
    same(met.requests.length, requests.length, "requests");
    const keys = new Set(met.requests.map((sent) => sent.headers["idempotency-key"]));
    same(keys.size, 1, "idempotency keys");
    requests.forEach((wanted, at) => sent(met.requests[at], wanted));
  }
  same(met.answers.length, 0, "answers that were never asked for");
}

function server(vector, sdk) {
  const met = { now: 100, waits: [], requests: [], answers: [...vector.server] };
  const draws = [...(vector.random ?? [])];
  const client = new sdk.ModelServiceClient({
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
      if (answer.fault === "late") throw new sdk.DeadlineError(`no answer within ${seconds} s`);
      if (answer.fault) throw new sdk.TransportError(answer.fault);
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
    case "card": return client.card(given.model);
    case "ready": return client.ready();
  }
  throw new Error(method);
}

function sent(request, wanted) {
  if (wanted.path !== undefined) {
    same(request.url, `http://localhost:8080${wanted.path}`, "url");
    same(request.method, wanted.method, "method");
    same(request.body === null ? null : JSON.parse(request.body), wanted.body, "body");
  }
  const headers = wanted.headers ?? {};
  same(picked(request.headers, headers), headers, "headers");
}

function picked(found, wanted) {
  if (Array.isArray(wanted)) return found.map((item, at) => picked(item, wanted[at]));
  if (wanted === null || typeof wanted !== "object") return found;
  return Object.fromEntries(Object.keys(wanted).map((name) => [name, found[name]]));
}

function same(found, wanted, what) {
  const [left, right] = [plain(found), plain(wanted)];
  if (left !== right) throw new Error(`${what}: ${left}, not ${right}`);
}

/** JSON with its names in order. */
function plain(value) {
  return JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
