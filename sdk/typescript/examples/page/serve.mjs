// The page, as any web server hands it out: node serve.mjs, then open what it prints.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const HERE = new URL(".", import.meta.url).pathname;
const FOLDERS = {
  "/hotseat/": new URL("../../dist/", import.meta.url).pathname,
  "/ort/": new URL("../../node_modules/onnxruntime-web/dist/", import.meta.url).pathname,
  "/": HERE,
};
const TYPES = {
  ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript",
  ".mjs": "text/javascript", ".wasm": "application/wasm",
};

/** Listen on loopback; resolves to the server. */
export function serve(port = 0) {
  const server = createServer(async (request, response) => {
    const asked = normalize(new URL(request.url, "http://page").pathname);
    const path = asked === "/" ? "/index.html" : asked;
    const root = Object.keys(FOLDERS).find((start) => path.startsWith(start));
    try {
      const body = await readFile(join(FOLDERS[root], path.slice(root.length)));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/plain" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const server = await serve(Number(process.argv[2] ?? 8000));
  console.log(`http://localhost:${server.address().port}`);
}
