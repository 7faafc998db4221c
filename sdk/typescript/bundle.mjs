// The builds beside the modules: CommonJS, and one file for a plain <script>.
import { build } from "esbuild";

const entries = ["index", "testing", "offline/index", "offline/folder"];
const common = { bundle: true, target: "es2022", external: ["onnxruntime-web"], logLevel: "warning" };
for (const entry of entries) {
  await build({
    ...common, entryPoints: [`dist/${entry}.js`], outfile: `dist/${entry}.cjs`, format: "cjs",
    platform: "node",
  });
}
// <script src="hotseat.min.js"></script> defines the global `Hotseat`
await build({
  ...common, entryPoints: ["dist/index.js"], outfile: "dist/hotseat.min.js", format: "iife",
  globalName: "Hotseat", minify: true,
});
