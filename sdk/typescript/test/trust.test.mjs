// Signatures: the vectors that all SDKs replay, and tokens that the service accepts.
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ConfigError, UntrustedError } from "../dist/errors.js";
import { memory } from "../dist/offline/store.js";
import { Trust } from "../dist/offline/trust.js";
import { mintToken } from "../dist/tokens.js";

const TEXT = readFileSync(new URL("../../spec/trust.json", import.meta.url), "utf8");
const { now, cases } = JSON.parse(TEXT.replaceAll("@LONG@", " ".repeat(2 ** 20)));

for (const { name, document, keys, threshold, required, reference, seen, error } of cases) {
  test(name, async () => {
    const trust = new Trust({ keys, threshold, signedHead: required });
    const store = memory();
    if (seen) await remember(store, keys, threshold, seen);
    const check = () => trust.checked(document, reference, store, Date.parse(now));
    if (error === null) {
      assert.equal((await check()).files["model.onnx"].size, 12);
      await check(); // and again, with what the device remembers now
      return;
    }
    await assert.rejects(check, (thrown) =>
      thrown instanceof UntrustedError && thrown.message.includes(error));
  });
}

/** Put what was seen into the store as `Trust` does: its own words for keys and threshold. */
async function remember(store, keys, threshold, seen) {
  const { createHash } = await import("node:crypto");
  const hex = (text) => createHash("sha256").update(text).digest("hex");
  const trust = hex(`${threshold} ${keys.map(hex).sort()}`);
  const bytes = new TextEncoder().encode(JSON.stringify({ trust, ...seen }));
  await store.put("mood#signed-head", bytes);
}

test("what is remembered refuses the older one", async () => {
  const good = cases.find(({ name }) => name === "a head after some that were missed");
  const old = cases.find(({ name }) => name === "a signed version and its head");
  const store = memory();
  const trust = new Trust({ keys: good.keys, signedHead: true });
  await trust.checked(good.document, "live", store, Date.parse(now));
  await assert.rejects(
    () => trust.checked(old.document, "live", store, Date.parse(now)), /was accepted before/,
  );
});

test("keys that are none, and thresholds that no signatures reach", async () => {
  assert.throws(() => new Trust({ keys: [], threshold: 1 }), ConfigError);
  const [{ keys, document }] = cases;
  assert.throws(() => new Trust({ keys: [...keys, ...keys], threshold: 2 }), ConfigError);
  const trust = new Trust({ keys: ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] });
  await assert.rejects(() => trust.checked(document, "live", memory(), 0), ConfigError);
});

test("a token that a service verifies, and what none accepts", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  for (const type of ["pkcs8", "sec1"]) {
    const pem = privateKey.export({ format: "pem", type });
    const token = mintToken(pem, "p7", { models: ["mood"], game: "chess", rate: 2, burst: 4 });
    const [head, body, signature] = token.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url"));
    assert.deepEqual(
      [claims.sub, claims.aud, claims.models, claims.exp - claims.iat],
      ["p7", "hotseat", ["mood"], 900],
    );
    assert.equal(JSON.parse(Buffer.from(head, "base64url")).alg, "ES256");
    const key = { key: createPublicKey(privateKey), dsaEncoding: "ieee-p1363" };
    const signed = Buffer.from(`${head}.${body}`);
    assert.ok(verify("sha256", signed, key, Buffer.from(signature, "base64url")));
    assert.throws(() => mintToken(pem, "p 7"), ConfigError);
    assert.throws(() => mintToken(pem, "p7", { seconds: 86_401 }), ConfigError);
  }
  const other = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
  assert.throws(() => mintToken(other.export({ format: "pem", type: "pkcs8" }), "p"), /P-384/);
  assert.throws(() => mintToken("no key", "p"), ConfigError);
});
