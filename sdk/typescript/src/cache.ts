/** Answers of pure models, kept for a while: the same question is not asked twice. */

import type { Prediction } from "./answer.js";

/** How long answers are kept, and how many; the least recently used go first. */
export interface Keep {
  seconds: number;
  /** Default: 1,000. */
  entries?: number;
}

export class Cache {
  private readonly kept = new Map<string, { found: Prediction; until: number }>();

  constructor(
    private readonly keep: Keep,
    private readonly clock: () => number,
  ) {}

  /** The answer to the same question, where it is still fresh. */
  get(question: string): Prediction | null {
    const entry = this.kept.get(question);
    if (!entry) return null;
    this.kept.delete(question);
    const left = entry.until - this.clock();
    // a clock that jumped back must not keep an answer for ever
    if (!(left > 0 && left <= this.keep.seconds)) return null;
    this.kept.set(question, entry);
    return { ...entry.found, latency: 0, is_cached: true };
  }

  /** Keep an answer, unless it was drawn: the next draw may be another. */
  put(question: string, found: Prediction, seeded: boolean): void {
    if (found.is_default || found.is_offline || (found.seed !== null && !seeded)) return;
    this.kept.delete(question);
    this.kept.set(question, { found, until: this.clock() + this.keep.seconds });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= (this.keep.entries ?? 1000)) break;
      this.kept.delete(oldest);
    }
  }
}
