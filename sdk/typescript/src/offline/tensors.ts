/** Game-shaped JSON to tensors, from the signature alone, as in the service's codec. */

import { checkUnicode, type Data, elements, fills } from "./elements.js";
import { bad, tooLarge } from "./fault.js";
import { fieldOf } from "./features.js";
import type { Input, Signature } from "./manifest.js";
import { type Game, games } from "./rules.js";
import { Warnings, absent } from "./warnings.js";
import {
  expected, inside, isObject, jsonType, listed, place, span, within,
} from "./wording.js";

export type { Data } from "./elements.js";

/** Type, data and shape of a tensor of the runtime. */
export interface Plain {
  type: string;
  data: Data;
  dims: number[];
}

type Value = [unknown, string];

const MAX_ROWS = 1000;

/** The form or type of a signature that this device does not support, else null. */
const READERS: Record<string, string> = {
  tokens: "a tokenizer (Rust code without a build of ours for browsers)",
  image: "an image decoder with Pillow's filters",
  array: "whole tensors",
};

export function foreign(signature: Signature): string | null {
  for (const { form, datatype } of signature.inputs) {
    const reader = READERS[form];
    if (reader) return reader;
    if (!["text", "features", "board", "tensor"].includes(form)) return `the form ${form}`;
    if (!fills(datatype)) return `the type ${datatype}`;
  }
  const { rules } = signature;
  return rules && !games[rules] ? `the rules of ${rules}` : null;
}

/** Throw TooLargeError if a request has too many inputs; return the limit. */
export function checkRows({ max_rows }: Signature, count: number): number {
  const limit = max_rows ?? MAX_ROWS;
  if (count > limit) throw tooLarge(`${count} inputs; the limit is ${limit}`, null);
  return limit;
}

/** The JSON pointer to each of `count` inputs. */
export function places(count: number): string[] {
  return Array.from({ length: count }, (_, row) => `/inputs/${row}`);
}

/** The tensors of inputs; throws BadInputError, TooLargeError with a pointer. */
export function encode(
  signature: Signature, inputs: unknown[], warnings = new Warnings(),
  pointers = places(inputs.length),
): Record<string, Plain> {
  checkRows(signature, inputs.length);
  for (const { shape } of signature.inputs) {
    const batch = shape[0] ?? -1;
    if (batch === -1 || batch === inputs.length) continue;
    throw bad(
      `the graph takes ${batch} inputs in one request, neither more nor less, got ${inputs.length}`,
      pointers[Math.min(inputs.length - 1, batch)]!,
    );
  }
  checkNames(signature, inputs, warnings, pointers);
  return Object.fromEntries(
    signature.inputs.map((item) => [
      item.name, filled(item, signature, inputs, warnings, pointers),
    ]),
  );
}

/** The positions of boards; throws BadInputError. */
export function states<S>(game: Game<S>, signature: Signature, inputs: unknown[]): S[] {
  const item = signature.inputs.find(({ form }) => form === "board")!;
  return valuesOf(item, signature, inputs, places(inputs.length)).map(([value, pointer]) => {
    try {
      return game.read(value);
    } catch (error) {
      throw bad(error instanceof Error ? error.message : String(error), pointer);
    }
  });
}

/** Warn about unknown fields; throws BadInputError if all are unknown. */
function checkNames(
  signature: Signature, inputs: unknown[], warnings: Warnings, pointers: string[],
): void {
  const named = signature.inputs.some(({ form }) => form === "features");
  const names = signature.inputs.flatMap(({ form, name, fields }) =>
    form === "features" ? (fields ?? []).map((field) => field.name) : [name],
  );
  if (signature.outputs?.some(({ name }) => name === "policy")) names.push("legal");
  const known = [...new Set(names)];
  inputs.forEach((value, row) => {
    if (!isObject(value)) return;
    const at = pointers[row]!;
    const own = Object.keys(value);
    const unknown = own.filter((name) => !known.includes(name));
    if (named && unknown.length === own.length) {
      if (unknown.length) throw absent(unknown, known, at);
      warnings.add("all_defaults", "no field is given: each has its default", at);
    }
    if (unknown.length) warnings.unknown(unknown, known, at);
  });
}

function filled(
  item: Input, signature: Signature, inputs: unknown[], warnings: Warnings,
  pointers: string[],
): Plain {
  const nonFinite = signature.non_finite === true;
  if (item.form === "features") {
    const fields = item.fields ?? [];
    const flat = inputs.flatMap((value, row) => {
      const at = pointers[row]!;
      if (!isObject(value)) throw expected("an object", at, value);
      return fields.map((field) => fieldOf(field, value[field.name], at, warnings, nonFinite));
    });
    const where = (n: number) =>
      inside(pointers[Math.floor(n / fields.length)]!, fields[n % fields.length]!.name);
    const dims = [inputs.length, fields.length];
    return { ...elements(flat, item.datatype, where, nonFinite), dims };
  }
  const game = item.form === "board" && signature.rules ? games[signature.rules] : undefined;
  if (game) {
    const flat = states(game, signature, inputs).flatMap((state) => game.encode(state));
    const dims = [inputs.length, ...item.shape.slice(1)];
    return { ...elements(flat, item.datatype, () => "", nonFinite), dims };
  }
  const values = valuesOf(item, signature, inputs, pointers);
  if (item.form === "text") {
    const data = values.map(([text, pointer]) => textOf(text, item, pointer));
    if (!item.shape.length) return one(item, { type: "string", data, dims: [] }, values);
    return { type: "string", data, dims: [inputs.length, ...item.shape.slice(1).map(() => 1)] };
  }
  return nested(item, values, nonFinite);
}

/** Nested lists: a board, a grid, plain numbers, strings, one number. */
function nested(item: Input, values: Value[], nonFinite: boolean): Plain {
  const lengths = item.shape.slice(1);
  const shape = shapeOf(values[0]?.[0], lengths);
  const size = shape.reduce((product, length) => product * length, 1);
  const flat = values.flatMap(([value, pointer]) => flattened(value, shape, lengths, pointer));
  const where = (n: number) => {
    let rest = n % size;
    const indices = shape.map((_, axis) => {
      const width = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
      const index = Math.floor(rest / width);
      rest %= width;
      return `/${index}`;
    });
    return values[Math.floor(n / size)]![1] + indices.join("");
  };
  const tensor = elements(flat, item.datatype, where, nonFinite);
  const [low, high] = [item.minimum ?? null, item.maximum ?? null];
  if (tensor.type !== "string" && tensor.type !== "bool") {
    flat.forEach((value, n) => {
      if (value === null || within(value as number, low, high)) return;
      const got = `, got ${String(value)}`;
      throw bad(`expected a number ${span(low, high)}${place(where(n))}${got}`, where(n));
    });
  }
  if (!item.shape.length) return one(item, { ...tensor, dims: [] }, values);
  return { ...tensor, dims: [values.length, ...shape] };
}

/** The lengths of a value's lists, for dimensions of any length. */
function shapeOf(value: unknown, lengths: number[]): number[] {
  return lengths.map((length) => {
    const list = Array.isArray(value) ? value : [];
    value = list[0];
    return length === -1 ? list.length : length;
  });
}

function flattened(
  value: unknown, shape: number[], lengths: number[], pointer: string,
): unknown[] {
  const [length, ...rest] = shape;
  if (length === undefined) return [value];
  if (!Array.isArray(value) || value.length !== length) {
    if (lengths[0] !== -1) throw expected(`a list of ${length}`, pointer, value);
    if (!Array.isArray(value)) throw expected("a list", pointer, value);
    const before = `, as in the lists before it, got ${jsonType(value)}`;
    throw bad(`expected a list of ${length}${place(pointer)}${before}`, pointer);
  }
  const inner = lengths.slice(1);
  return value.flatMap((part, n) => flattened(part, rest, inner, `${pointer}/${n}`));
}

/** The single value of an input without dimensions. */
function one(item: Input, tensor: Plain, values: Value[]): Plain {
  const data = Array.from(tensor.data as ArrayLike<unknown>);
  data.forEach((value, row) => {
    if (Object.is(value, data[0])) return;
    throw bad(
      `'${item.name}' is one value for all inputs of a request: expected ` +
        `${String(data[0])}${place(values[row]![1])} as in the first, got ${String(value)}`,
      values[row]![1],
    );
  });
  return { ...tensor, data: tensor.data.slice(0, 1) as Data };
}

function textOf(text: unknown, { max_bytes }: Input, pointer: string): string {
  if (typeof text !== "string") throw expected("a string", pointer, text);
  if (!text.trim()) {
    const got = text ? "one of spaces" : "an empty one";
    throw bad(`expected a text${place(pointer)}, got ${got}`, pointer);
  }
  checkUnicode(text, pointer);
  const size = new TextEncoder().encode(text).length;
  if (max_bytes !== undefined && size > max_bytes) {
    throw tooLarge(
      `the text${place(pointer)} has ${size} bytes; the limit is ${max_bytes}`, pointer,
    );
  }
  return text.replaceAll("\0", " "); // NUL pads strings inside the graph
}

/** An input's values and their pointers; a single input may come without its name. */
function valuesOf(
  item: Input, signature: Signature, inputs: unknown[], pointers: string[],
): Value[] {
  return inputs.map((value, row): Value => {
    const pointer = pointers[row]!;
    if (isObject(value)) {
      if (item.name in value) return [value[item.name], inside(pointer, item.name)];
      const own = Object.keys(value).sort();
      const got = own.length ? listed(own) : "no field";
      throw bad(`expected '${item.name}'${place(pointer)}, got ${got}`, inside(pointer, item.name));
    }
    if (signature.inputs.length > 1) throw expected("an object", pointer, value);
    return [value, pointer];
  });
}
