/** Game-shaped JSON to tensors, from the signature alone: as the service's codec does. */

import { bad, tooLarge } from "./fault.js";
import type { Field, Input, Signature } from "./manifest.js";
import { type Game, games } from "./rules.js";

export type Data =
  | Float32Array | Float64Array | Int32Array | Int8Array | Uint8Array | BigInt64Array | string[];

/** What the runtime makes a tensor of. */
export interface Plain {
  type: string;
  data: Data;
  dims: number[];
}

type Json = Record<string, unknown>;

const TYPES: Record<string, [string, (flat: number[]) => Data]> = {
  FP32: ["float32", (flat) => Float32Array.from(flat)],
  FP64: ["float64", (flat) => Float64Array.from(flat)],
  INT8: ["int8", (flat) => Int8Array.from(flat)],
  UINT8: ["uint8", (flat) => Uint8Array.from(flat)],
  INT32: ["int32", (flat) => Int32Array.from(flat)],
  INT64: ["int64", (flat) => BigInt64Array.from(flat, (n) => BigInt(Math.trunc(n)))],
  BOOL: ["bool", (flat) => Uint8Array.from(flat, Number)],
};
const MAX_ROWS = 1000;

/** Whether a signature has a form or a type that this device cannot fill; which one. */
export function foreign(signature: Signature): string | null {
  for (const { form, datatype } of signature.inputs) {
    if (!["text", "features", "board", "tensor"].includes(form)) return `the form ${form}`;
    if (datatype !== "BYTES" && !TYPES[datatype]) return `the type ${datatype}`;
  }
  const { rules } = signature;
  return rules && !games[rules] ? `the rules of ${rules}` : null;
}

/** The tensors of inputs; throws BadInputError, TooLargeError with a pointer. */
export function encode(signature: Signature, inputs: unknown[]): Record<string, Plain> {
  const limit = signature.max_rows ?? MAX_ROWS;
  if (inputs.length > limit) {
    throw tooLarge(`${inputs.length} inputs; the limit is ${limit}`, null);
  }
  return Object.fromEntries(
    signature.inputs.map((item) => [item.name, filled(item, signature, inputs)]),
  );
}

/** The positions that boards show; throws BadInputError. */
export function states<S>(game: Game<S>, signature: Signature, inputs: unknown[]): S[] {
  const item = signature.inputs.find(({ form }) => form === "board")!;
  return inputs.map((given, row) => {
    const [value, at] = valueOf(item, signature, given, `/inputs/${row}`);
    try {
      return game.read(value);
    } catch (error) {
      throw bad(error instanceof Error ? error.message : String(error), at);
    }
  });
}

function filled(item: Input, signature: Signature, inputs: unknown[]): Plain {
  const at = (row: number) => `/inputs/${row}`;
  const own = <T>(act: (value: unknown, pointer: string) => T): T[] =>
    inputs.map((given, row) => act(...valueOf(item, signature, given, at(row))));
  if (item.form === "text") {
    return { type: "string", data: own((text, p) => textOf(text, item, p)), dims: [inputs.length] };
  }
  if (item.form === "features") {
    const fields = item.fields ?? [];
    const rows = inputs.map((given, row) => {
      if (!isObject(given)) throw bad("an input has to be an object", at(row));
      return fields.map((field) => fieldOf(field, given, at(row)));
    });
    return tensor(item.datatype, rows.flat(), [inputs.length, fields.length]);
  }
  const shape = item.shape.slice(1);
  const game = item.form === "board" && signature.rules ? games[signature.rules] : undefined;
  const flat = game
    ? states(game, signature, inputs).map((state) => game.encode(state))
    : own((value, pointer) => gridOf(value, shape, item, pointer));
  return tensor(item.datatype, flat.flat(), [inputs.length, ...shape]);
}

function tensor(datatype: string, flat: unknown[], dims: number[]): Plain {
  if (datatype === "BYTES") return { type: "string", data: flat.map(String), dims };
  const [type, make] = TYPES[datatype]!;
  return { type, data: make(flat as number[]), dims };
}

function textOf(text: unknown, { name, max_bytes }: Input, pointer: string): string {
  if (typeof text !== "string") throw bad(`'${name}' has to be a string`, pointer);
  if (!text.trim()) throw bad(`'${name}' is empty`, pointer);
  // half of a surrogate pair, which JSON can write
  if (/\p{Surrogate}/u.test(text)) throw bad(`'${name}' is no valid Unicode`, pointer);
  const size = new TextEncoder().encode(text).length;
  if (max_bytes !== undefined && size > max_bytes) {
    throw tooLarge(`'${name}' has ${size} bytes; the limit is ${max_bytes}`, pointer);
  }
  return text.replaceAll("\0", " "); // NUL pads strings inside the graph
}

function fieldOf(field: Field, given: Json, pointer: string): unknown {
  const value = given[field.name];
  const where = `${pointer}/${escaped(field.name)}`;
  if (value === undefined || value === null) {
    if (field.default === undefined || field.default === null) {
      throw bad(`'${field.name}' is missing`, where);
    }
    return field.default;
  }
  if (field.type === "category") {
    if (typeof value !== "string") throw bad(`'${field.name}' has to be a string`, where);
    if (field.categories && !field.categories.includes(value)) {
      throw bad(`'${field.name}' is not one of ${field.categories.join(", ")}`, where);
    }
    return value;
  }
  const number = typeof value === "boolean" ? Number(value) : value;
  if (typeof number !== "number") throw bad(`'${field.name}' has to be a number`, where);
  return within(number, field, where);
}

function gridOf(value: unknown, shape: number[], item: Input, pointer: string): number[] {
  if (shape.length) {
    if (!Array.isArray(value) || value.length !== shape[0]) {
      throw bad(`here has to be a list of ${shape[0]}`, pointer);
    }
    return value.flatMap((inner, at) => gridOf(inner, shape.slice(1), item, `${pointer}/${at}`));
  }
  if (typeof value !== "number") throw bad("here has to be a number", pointer);
  return [within(value, item, pointer)];
}

function within(value: number, { minimum, maximum }: Field | Input, pointer: string): number {
  const low = minimum ?? null;
  const high = maximum ?? null;
  if ((low === null || value >= low) && (high === null || value <= high)) return value;
  throw bad(`${value} is not between ${low ?? "anything"} and ${high ?? "anything"}`, pointer);
}

/** An input's value and where it stands; the one input needs no name around it. */
function valueOf(
  item: Input, signature: Signature, given: unknown, pointer: string,
): [unknown, string] {
  if (isObject(given)) {
    const at = `${pointer}/${escaped(item.name)}`;
    if (!(item.name in given)) throw bad(`'${item.name}' is missing`, at);
    return [given[item.name], at];
  }
  if (signature.inputs.length > 1) throw bad("an input has to be an object", pointer);
  return [given, pointer];
}

function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

function isObject(value: unknown): value is Json {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
