/** Warnings about possible mistakes in inputs, as in the service. */

import type { InputWarning } from "../answer.js";
import type { BadInputError } from "../errors.js";
import { bad } from "./fault.js";
import { NAME_LENGTH, inside, listed, quoted } from "./wording.js";

const MOST = 20; // warnings in one answer; a last one counts the others
const COMPARISONS = 4000; // comparisons of names for the suggestions of one answer
const ALIKE = 0.6;

/** The warnings of one request: each place once for each code. */
export class Warnings {
  strict = false;
  count = 0;
  readonly #kept = new Map<string, InputWarning>();
  #comparisons = COMPARISONS;

  /** Add a warning; throws BadInputError with the option `strict`. */
  add(code: string, detail: string, pointer: string, suggestion: string | null = null): void {
    const key = `${code} ${pointer}`;
    if (this.#kept.has(key)) return;
    if (this.strict) throw bad(`${detail} (options.strict)`, pointer);
    this.count += 1;
    if (this.#kept.size >= MOST) return;
    this.#kept.set(key, { code, detail, pointer, suggestion });
  }

  /** Whether a further warning is only counted. */
  get full(): boolean {
    return this.#kept.size >= MOST && !this.strict;
  }

  /** Warn about unknown fields of the object at `pointer`. */
  unknown(names: string[], known: string[], pointer: string): void {
    for (const name of [...names].sort()) {
      if (this.full) {
        this.count += 1;
        continue;
      }
      const near = this.nearest(name, known);
      const detail = `unknown field ${quoted(name)} is ignored; ${hint(near, known)}`;
      this.add("unknown_field", detail, inside(pointer, name), near);
    }
  }

  /** The result of `nearest` while comparisons are left, then null. */
  nearest(name: string, known: string[]): string | null {
    if (this.full || this.#comparisons <= 0) return null;
    this.#comparisons -= known.length;
    return nearest(name, known);
  }

  list(): InputWarning[] {
    const found = [...this.#kept.values()];
    const more = this.count - found.length;
    if (!more) return found;
    const detail = `${more} more warnings are left out`;
    return [...found, { code: "more_warnings", detail, pointer: "", suggestion: null }];
  }
}

/** The most similar known name in any case, if one is similar enough. */
export function nearest(name: string, known: string[]): string | null {
  const word = name.slice(0, NAME_LENGTH).toLowerCase();
  let best: [number, string, string] | null = null;
  for (const one of known) {
    const lower = one.toLowerCase();
    const score = likeness(lower, word);
    if (score < ALIKE) continue;
    if (!best || score > best[0] || (score === best[0] && lower > best[1])) {
      best = [score, lower, one];
    }
  }
  return best && best[2];
}

/** A suggestion: the nearest name, else all known names. */
export function hint(near: string | null, known: string[]): string {
  return near === null ? `the fields are ${listed(known)}` : `did you mean ${quoted(near)}?`;
}

/** The error of an object with unknown fields only. */
export function absent(unknown: string[], known: string[], pointer: string): BadInputError {
  const names = [...unknown].sort();
  const found = names.slice(0, 3).map((name) => nearest(name, known));
  const near = [...new Set(found.filter((one) => one !== null))];
  const meant = near.length ? `did you mean ${listed(near)}?` : hint(null, known);
  return bad(
    `none of the given fields is known: got ${listed(names)}; ${meant}`, inside(pointer, names[0]!),
  );
}

/** Ratcliff and Obershelp's measure, from 0 to 1, as in Python's difflib. */
function likeness(a: string, b: string): number {
  return a.length + b.length ? (2 * matches(a, b)) / (a.length + b.length) : 1;
}

/** Characters in the longest common part, and in those to its left and right. */
function matches(a: string, b: string): number {
  let [size, first, second] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) {
      let k = 0;
      while (i + k < a.length && j + k < b.length && a[i + k] === b[j + k]) k++;
      if (k > size) [size, first, second] = [k, i, j];
    }
  }
  if (!size) return 0;
  return size + matches(a.slice(0, first), b.slice(0, second)) +
    matches(a.slice(first + size), b.slice(second + size));
}
