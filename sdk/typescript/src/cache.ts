/**
 * Answers that are still good: of pure models, for a time, and not too many.
 *
 * Pure are classification and regression without a temperature or a seed: the same version
 * says the same again. An alias that moved takes the answers of its old version along.
 */

import type { Prediction } from "./answer.js";
import { type InferenceRequest, keyOf } from "./ticket.js";

const LIMIT = 4096; // answers; the least recently used go first

export class Cache {
  readonly #seconds: number;
  readonly #clock: () => number;
  readonly #kept = new Map<string, { found: Prediction; at: number }>();
  readonly #newest = new Map<string, number | null>();

  /** `seconds` is how long an answer is good; 0 keeps none. */
  constructor(seconds: number, clock: () => number) {
    this.#seconds = seconds;
    this.#clock = clock;
  }

  /** The answer to an input, if it is known and still good. */
  get(asked: InferenceRequest, input: unknown): Prediction | null {
    if (!this.#seconds) return null;
    const key = keyOf(asked, input);
    const entry = this.#kept.get(key);
    if (!entry) return null;
    this.#kept.delete(key);
    const age = this.#clock() - entry.at;
    // a clock that jumped back must not keep an answer for ever
    const young = age >= 0 && age < this.#seconds;
    if (!young || entry.found.version !== this.#newest.get(keyOf(asked))) return null;
    this.#kept.set(key, entry);
    return { ...entry.found, latency: 0, source: "cache" };
  }

  /** Keep the service's answer, if the same version would say it again. */
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
