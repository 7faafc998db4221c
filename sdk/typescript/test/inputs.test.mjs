// sdk/spec/inputs.json: what inputs become on a device, as in the service.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { BadInputError, ModelServiceClient } from "../dist/index.js";
import { answered } from "../dist/offline/kinds.js";
import { encode } from "../dist/offline/tensors.js";
import { Warnings, nearest } from "../dist/offline/warnings.js";

const VECTORS = JSON.parse(readFileSync(new URL("../../spec/inputs.json", import.meta.url), "utf8"));

/** A tensor as JSON has it: no NaN, no whole numbers of 64 bits. */
function plain({ type, data, dims }) {
  const value = (one) => (Number.isNaN(one) ? null : type === "bool" ? Boolean(one) : typeof one === "bigint" ? Number(one) : one);
  return { shape: dims, data: Array.from(data, value) };
}

for (const { name, signature, inputs, raises, tensors, warnings } of VECTORS) {
  test(`inputs become what the vector says: ${name}`, () => {
    const found = new Warnings();
    if (raises) {
      assert.throws(() => encode(signature, inputs, found), (error) => {
        const { code, pointer, detail } = error;
        // 1.0 and 1 are one number here
        assert.deepEqual({ code, pointer, detail }, raises);
        return true;
      });
      return;
    }
    const made = Object.entries(encode(signature, inputs, found)).map(([key, one]) => [key, plain(one)]);
    assert.deepEqual(Object.fromEntries(made), tensors);
    const said = found.list().map(({ suggestion, ...rest }) => (suggestion === null ? rest : { ...rest, suggestion }));
    assert.deepEqual(said, warnings);
  });
}

const SIGNATURE = {
  inputs: [{ name: "x", datatype: "FP32", shape: [-1], form: "tensor" }],
  outputs: [{ name: "value" }],
};

/** Ask a model that answers what it was given. */
function asked(inputs, options) {
  const warnings = new Warnings();
  const manifest = { kind: "regression", signature: SIGNATURE };
  const run = async ({ x }) => ({ value: Array.from(x.data, (value) => (value ? value : NaN)) });
  const pointers = inputs.map((_, row) => `/inputs/${row}`);
  const found = answered({ manifest, run, inputs, pointers, options, clock: () => 0, warnings });
  return { found, warnings };
}

test("an unknown option is answered with a warning, and refused where the caller is strict", async () => {
  const { found, warnings } = asked([1], { Seed: 7 });
  assert.deepEqual(await found, [{ value: 1 }]);
  assert.deepEqual(warnings.list().map(({ pointer, suggestion }) => [pointer, suggestion]), [["/options/Seed", "seed"]]);
  await assert.rejects(asked([1], { Seed: 7, strict: true }).found, (error) => {
    assert.ok(error instanceof BadInputError);
    assert.equal(error.pointer, "/options/Seed");
    return true;
  });
});

test("a number that is not finite is null, with a warning", async () => {
  const { found, warnings } = asked([1, 0], {});
  assert.deepEqual(await found, [{ value: 1 }, { value: null }]);
  assert.deepEqual(warnings.list().map(({ code, pointer }) => [code, pointer]), [["not_finite", "/inputs/1"]]);
});

test("an option of another type is refused where it stands", async () => {
  for (const [name, value] of [["strict", 1], ["seed", 1.5], ["temperature", "1"], ["level", 3]]) {
    await assert.rejects(asked([1], { [name]: value }).found, (error) => error.pointer === `/options/${name}`);
  }
});

test("likeness is difflib's", () => {
  assert.equal(nearest("January", ["feb", "jan"]), "jan");
  assert.equal(nearest("abcd", ["abcx", "abcy"]), "abcy"); // of equals the last
  assert.equal(nearest("", ["a"]), null);
  assert.equal(nearest("level_of_player", ["player_level", "level"]), null);
});

test("each of many answers has its own warnings", async () => {
  const warning = (pointer) => ({ code: "unknown_field", detail: "d", pointer });
  const body = {
    predictions: [{ label: "a" }, { label: "b" }],
    warnings: [warning("/inputs/1/agee"), warning("/options/heat")],
  };
  const transport = async () => ({ status: 200, headers: {}, body: JSON.stringify(body) });
  const client = new ModelServiceClient({ baseUrl: "http://localhost:1", transport });
  const found = await client.predictMany(["a", "b"], { model: "m" });
  assert.deepEqual(found.map((one) => one.warnings.map(({ pointer }) => pointer)), [
    ["/options/heat"], ["/inputs/1/agee", "/options/heat"],
  ]);
  assert.equal(found[0].warnings[0].suggestion, null);
});
