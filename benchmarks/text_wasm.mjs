// Seconds a token of a language model in onnxruntime-web, one thread: see text_wasm.py.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [folder, packages, count] = process.argv.slice(2);
const ort = createRequire(resolve(packages, "package.json"))("onnxruntime-web");
const { decoder } = JSON.parse(readFileSync(join(folder, "genai_config.json"))).model;
ort.env.wasm.numThreads = 1;
const data = readFileSync(join(folder, "model.onnx.data"));
const session = await ort.InferenceSession.create(readFileSync(join(folder, "model.onnx")), {
  executionProviders: ["wasm"],
  externalData: [{ path: "model.onnx.data", data }],
});
const shape = [1, decoder.num_key_value_heads, 0, decoder.head_size];
const names = session.inputNames.filter((name) => name.startsWith("past"));
let past = Object.fromEntries(
  names.map((name) => [name, new ort.Tensor("float32", new Float32Array(), shape)]),
);
let length = 0;

async function next(token) {
  const mask = new BigInt64Array(++length).fill(1n);
  const outputs = await session.run({
    input_ids: new ort.Tensor("int64", [BigInt(token)], [1, 1]),
    attention_mask: new ort.Tensor("int64", mask, [1, length]),
    ...past,
  });
  past = Object.fromEntries(
    names.map((name) => [name, outputs[name.replace("past_key_values", "present")]]),
  );
  const logits = outputs.logits.data;
  return logits.reduce((best, value, at) => (value > logits[best] ? at : best), 0);
}

let token = await next(1);
const tokens = [];
const began = performance.now();
for (; tokens.length < Number(count); token = await next(token)) tokens.push(token);
console.log(JSON.stringify({ seconds: (performance.now() - began) / 1000 / count, tokens }));
