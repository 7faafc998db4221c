/** The wording of errors and warnings, as in the service. */

import type { BadInputError } from "../errors.js";
import { bad } from "./fault.js";

/** Maximum length of a name in a message. */
export const NAME_LENGTH = 80;
const NAMES = 5;

/** The error of a value with the wrong type. */
export function expected(what: string, pointer: string, given: unknown): BadInputError {
  return bad(`expected ${what}${place(pointer)}, got ${jsonType(given)}`, pointer);
}

/** The JSON type of a value, with its article. */
export function jsonType(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") return "a number";
  if (typeof value === "string") return value ? "a string" : "an empty string";
  if (Array.isArray(value)) return value.length ? `a list of ${value.length}` : "an empty list";
  return Object.keys(value).length ? "an object" : "an empty object";
}

/** A name in quotation marks, cut if it is long. */
export function quoted(name: string): string {
  return `'${name.length <= NAME_LENGTH ? name : `${name.slice(0, NAME_LENGTH)}...`}'`;
}

/** The first names in quotation marks, and the number of others. */
export function listed(names: string[]): string {
  const shown = names.slice(0, NAMES).map(quoted).join(", ");
  const more = names.length - NAMES;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** The JSON pointer (RFC 6901) to a field, or to its object if it is long. */
export function inside(pointer: string, name: string): string {
  if (name.length > NAME_LENGTH) return pointer;
  return `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** A place as the end of a phrase, such as ` at /input`. */
export function place(pointer: string): string {
  return pointer ? ` at ${pointer}` : "";
}

/** Bounds in words. */
export function span(low: number | null, high: number | null): string {
  if (low === null) return `of at most ${high}`;
  return high === null ? `of at least ${low}` : `from ${low} to ${high}`;
}

/** Whether a number is within bounds; NaN is within all. */
export function within(value: number, low: number | null, high: number | null): boolean {
  return !((low !== null && value < low) || (high !== null && value > high));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
