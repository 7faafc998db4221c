/** A folder, for Node and Electron: `new Device({ store: folder("models") })`. */

import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Store } from "./store.js";

export function folder(path: string): Store {
  const at = (key: string) => join(path, encodeURIComponent(key));
  return {
    async get(key) {
      try {
        return new Uint8Array(await readFile(at(key)));
      } catch {
        return null; // missing or unreadable: download it again
      }
    },
    async put(key, bytes) {
      // only the user may write here: the files decide which version answers offline
      await mkdir(path, { recursive: true, mode: 0o700 });
      const part = `${at(key)}.${process.pid}.part`; // a crash leaves no incomplete file
      await writeFile(part, bytes);
      await rename(part, at(key));
    },
    async remove(key) {
      await rm(at(key), { force: true });
    },
  };
}
