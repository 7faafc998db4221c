/**
 * A response cache for deterministic models, limited in time and size.
 *
 * Deterministic are classification and regression without a temperature or a seed. When
 * an alias moves, the answers of its old version expire.
 */

import type { Prediction } from "./answer.js";
import { type InferenceRequest, keyOf } from "./ticket.js";

const LIMIT = 4096; // answers; the least recently used are removed first

export class Cache {
  readonly #seconds: number;
  readonly #clock: () => number;
  readonly #kept = new Map<string, { found: Prediction; at: number }>();
  readonly #newest = new Map<string, number | null>();

  /** `seconds` is how long an answer is cached; 0 turns the cache off. */
  constructor(seconds: number, clock: () => number) {
    this.#seconds = seconds;
    this.#clock = clock;
  }

  /** The cached answer to an input unless it has expired. */
  get(asked: InferenceRequest, input: unknown): Prediction | null {
    if (!this.#seconds) return null;
    const key = keyOf(asked, input);
    const entry = this.#kept.get(key);
    if (!entry) return null;
    this.#kept.delete(key);
    const age = this.#clock() - entry.at;
    // an answer must expire although the clock jumped back
    const young = age >= 0 && age < this.#seconds;
    if (!young || entry.found.version !== this.#newest.get(keyOf(asked))) return null;
    this.#kept.set(key, entry);
    return { ...entry.found, latency: 0, source: "cache" };
  }

  /** Store the service's answer if the model is deterministic. */
  put(asked: InferenceRequest, input: unknown, found: Prediction): void {
    const { seed, temperature } = asked.options ?? {};
    const drawn = seed !== undefined || temperature !== undefined;
    if (!this.#seconds || drawn || found.action !== null || found.item !== null) return;
    this.#newest.set(keyOf(asked), found.version);
    const key = keyOf(asked, input);
    this.#kept.delete(key);
    this.#kept.set(key, { found, at: this.#clock() });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= LIMIT) break;
      this.#kept.delete(oldest);
    }
  }
}
