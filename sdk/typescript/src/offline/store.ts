/** Stores of downloaded versions on a device. */

export interface Store {
  get(key: string): Promise<Uint8Array | null>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
}

/** A store in memory, for the lifetime of the page or the process. */
export function memory(): Store {
  const entries = new Map<string, Uint8Array>();
  return {
    get: async (key) => entries.get(key) ?? null,
    put: async (key, bytes) => void entries.set(key, bytes),
    remove: async (key) => void entries.delete(key),
  };
}

/** A store in the browser's cache, which also works without a network. */
export function browser(name = "hotseat"): Store {
  const at = (key: string) => `https://hotseat.invalid/${encodeURIComponent(key)}`;
  return {
    async get(key) {
      const found = await (await caches.open(name)).match(at(key));
      return found ? new Uint8Array(await found.arrayBuffer()) : null;
    },
    async put(key, bytes) {
      await (await caches.open(name)).put(at(key), new Response(bytes as BodyInit));
    },
    async remove(key) {
      await (await caches.open(name)).delete(at(key));
    },
  };
}

/** The browser's cache if it has one, else memory. */
export function store(): Store {
  return typeof caches === "undefined" ? memory() : browser();
}
