// sdk/spec/vectors, replayed by the TypeScript SDK in Node; browser.test.mjs does so there.
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import * as sdk from "../dist/index.js";
import { replay } from "./replay.mjs";

const FOLDER = new URL("../../spec/vectors/", import.meta.url);

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith(".json"))) {
  for (const vector of JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"))) {
    test(vector.name, () => replay(vector, sdk));
  }
}
