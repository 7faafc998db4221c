/** Objects with named features to the columns of a tensor, as in the service. */

import { bad } from "./fault.js";
import type { Field } from "./manifest.js";
import { type Warnings, hint } from "./warnings.js";
import { expected, inside, listed, place, quoted, span, within } from "./wording.js";

/** A field's value in an object; throws BadInputError. */
export function fieldOf(
  field: Field, value: unknown, pointer: string, warnings: Warnings, nonFinite: boolean,
): unknown {
  const at = inside(pointer, field.name);
  if (value === undefined || value === null) {
    const fallback = field.default ?? null;
    if (fallback !== null) return typeof fallback === "boolean" ? Number(fallback) : fallback;
    if (field.type !== "category" && nonFinite) return null;
    const kind = field.type === "category" ? "string" : "number";
    throw bad(`expected a ${kind}${place(at)}, got nothing`, at);
  }
  if (field.type === "category") return categoryOf(field, value, at, warnings);
  const number = typeof value === "boolean" ? Number(value) : value;
  if (typeof number !== "number") throw expected("a number", at, value);
  const [low, high] = [field.minimum ?? null, field.maximum ?? null];
  if (!within(number, low, high)) {
    throw bad(`expected a number ${span(low, high)}${place(at)}, got ${number}`, at);
  }
  if (field.observed && !within(number, ...field.observed)) {
    const saw = `is outside what training saw: ${span(...field.observed)}`;
    warnings.add("out_of_range", `${number}${place(at)} ${saw}`, at);
  }
  return number;
}

function categoryOf(field: Field, value: unknown, at: string, warnings: Warnings): string {
  const { categories, known } = field;
  const codes = [...(categories ?? []), ...(known ?? [])].some((word) => /^-?\d+$/.test(word));
  // a code stored as a number in a table
  const text = codes && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== "string") throw expected("a string", at, value);
  if (categories && !categories.includes(text)) {
    throw bad(`expected one of ${listed(categories)}${place(at)}, got ${quoted(text)}`, at);
  }
  if (known && !known.includes(text) && text !== field.default) {
    const near = warnings.nearest(text, known);
    const meant = near === null ? "" : `; ${hint(near, known)}`;
    const what = `training did not know the category ${quoted(text)}${place(at)}`;
    warnings.add("unknown_category", `${what}, which counts as unknown${meant}`, at, near);
  }
  return text;
}
