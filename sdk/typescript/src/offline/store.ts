/** Where fetched versions lie on a device. */

export interface Store {
  get(key: string): Promise<Uint8Array | null>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
}

/** In memory: gone with the page or the process. */
export function memory(): Store {
  const kept = new Map<string, Uint8Array>();
  return {
    get: async (key) => kept.get(key) ?? null,
    put: async (key, bytes) => void kept.set(key, bytes),
    remove: async (key) => void kept.delete(key),
  };
}

/** In the browser's own cache: there again when the page is opened without a network. */
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

/** The browser's own cache where there is one, else memory. */
export function store(): Store {
  return typeof caches === "undefined" ? memory() : browser();
}
