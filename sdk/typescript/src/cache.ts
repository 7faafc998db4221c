/**
 * A response cache for deterministic models, limited in time and size.
 *
 * Classification and regression without a temperature or a seed are deterministic. When
 * an alias moves, the answers of its old version expire.
 */

import type { Prediction } from "./answer.js";
import { type InferenceRequest, keyOf } from "./ticket.js";

const LIMIT = 4096; // answers; the least recently used are removed first

export class Cache {
  readonly #seconds: number;
  readonly #clock: () => number;
  readonly #entries = new Map<string, { prediction: Prediction; at: number }>();
  readonly #newest = new Map<string, number | null>();

  /** `seconds` is the lifetime of an answer; 0 turns the cache off. */
  constructor(seconds: number, clock: () => number) {
    this.#seconds = seconds;
    this.#clock = clock;
  }

  /** The cached answer to an input unless it has expired. */
  get(request: InferenceRequest, input: unknown): Prediction | null {
    if (!this.#seconds) return null;
    const key = keyOf(request, input);
    const entry = this.#entries.get(key);
    if (!entry) return null;
    this.#entries.delete(key);
    const age = this.#clock() - entry.at;
    // an answer must expire even if the clock jumped back
    const young = age >= 0 && age < this.#seconds;
    if (!young || entry.prediction.version !== this.#newest.get(keyOf(request))) return null;
    this.#entries.set(key, entry);
    return { ...entry.prediction, latency: 0, source: "cache" };
  }

  /** Store the service's answer if the model is deterministic. */
  put(request: InferenceRequest, input: unknown, prediction: Prediction): void {
    const { seed, temperature } = request.options ?? {};
    const drawn = seed !== undefined || temperature !== undefined;
    if (!this.#seconds || drawn || prediction.action !== null || prediction.item !== null) return;
    this.#newest.set(keyOf(request), prediction.version);
    const key = keyOf(request, input);
    this.#entries.delete(key);
    this.#entries.set(key, { prediction, at: this.#clock() });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= LIMIT) break;
      this.#entries.delete(oldest);
    }
  }
}
