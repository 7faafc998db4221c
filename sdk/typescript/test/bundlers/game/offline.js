// The runtime of the offline model, as the SDK loads it: a graph that adds x to itself.
import { Device } from "hotseat/offline";
import * as runtime from "onnxruntime-web/wasm";

const GRAPH = "CAk6NwoOCgF4CgF4EgF5IgNBZGQSAWdaEAoBeBILCgkIARIFCgMSAW5iEAoBeRILCgkIARIFCgMSAW5CBAoAEBE=";

export async function doubled() {
  new Device({ runtime: () => Promise.resolve(runtime) });
  if (globalThis.WASM_FOLDER) runtime.env.wasm.wasmPaths = globalThis.WASM_FOLDER;
  runtime.env.wasm.numThreads = 1;
  const graph = Uint8Array.from(atob(GRAPH), (letter) => letter.charCodeAt(0));
  const session = await runtime.InferenceSession.create(graph, { executionProviders: ["wasm"] });
  const { y } = await session.run({ x: new runtime.Tensor("float32", [1, 2], [2]) });
  return [...y.data].join(",");
}
