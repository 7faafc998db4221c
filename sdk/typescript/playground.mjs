// The playground's copy of the SDK and of onnxruntime-web: `make playground`.
import { copyFileSync, mkdirSync } from "node:fs";
import { build } from "esbuild";

const folder = new URL("../../training/hotseat_train/playground/page/vendor/", import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
await build({
  stdin: {
    contents: 'export * from "./dist/index.js"; export { Device } from "./dist/offline/index.js";',
    resolveDir: new URL(".", import.meta.url).pathname,
  },
  bundle: true, format: "esm", minify: true, target: "es2022", external: ["onnxruntime-web"],
  outfile: `${folder}hotseat.js`, logLevel: "warning",
});
for (const name of ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"]) {
  copyFileSync(new URL(`node_modules/onnxruntime-web/dist/${name}`, import.meta.url).pathname, folder + name);
}
