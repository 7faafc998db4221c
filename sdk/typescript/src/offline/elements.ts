/** JSON values to elements of a tensor, checked by type; errors name the place. */

import type { BadInputError } from "../errors.js";
import { bad } from "./fault.js";
import { expected, place } from "./wording.js";

export type Data =
  | Float32Array | Float64Array | Int32Array | Int8Array | Uint8Array | BigInt64Array | string[];
/** The JSON pointer to an element, by its index. */
export type Where = (at: number) => string;

const FLOATS: Record<string, [string, (flat: number[]) => Data]> = {
  FP32: ["float32", (flat) => Float32Array.from(flat)],
  FP64: ["float64", (flat) => Float64Array.from(flat)],
};
const INTEGERS: Record<string, [string, (flat: number[]) => Data, number, number]> = {
  INT8: ["int8", (flat) => Int8Array.from(flat), -128, 127],
  UINT8: ["uint8", (flat) => Uint8Array.from(flat), 0, 255],
  INT32: ["int32", (flat) => Int32Array.from(flat), -(2 ** 31), 2 ** 31 - 1],
  // the greatest number below 2^63 in JavaScript
  INT64: ["int64", (flat) => BigInt64Array.from(flat, BigInt), -(2 ** 63), 2 ** 63 - 1024],
};

/** Whether this device can fill a tensor of that type. */
export function fills(datatype: string): boolean {
  return datatype in FLOATS || datatype in INTEGERS || ["BYTES", "BOOL"].includes(datatype);
}

/** Values as a tensor's type and data; throws BadInputError at the first misfit. */
export function elements(
  values: unknown[], datatype: string, where: Where, nonFinite: boolean,
): { type: string; data: Data } {
  if (datatype === "BYTES") {
    check(values, (value) => typeof value === "string", "a string", where);
    values.forEach((value, at) => checkUnicode(value as string, where(at)));
    return { type: "string", data: values as string[] };
  }
  if (datatype === "BOOL") {
    check(values, (value) => [true, false, 0, 1].includes(value as number), "true or false", where);
    return { type: "bool", data: Uint8Array.from(values as number[], Number) };
  }
  const float = FLOATS[datatype];
  if (float) {
    const [type, make] = float;
    const gap = (value: unknown) => nonFinite && (value === null || value === undefined);
    check(values, (value) => typeof value === "number" || gap(value), "a number", where);
    const data = make(values.map((value) => (gap(value) ? NaN : (value as number))));
    const bad = nonFinite ? -1 : (data as Float32Array).findIndex((one) => !Number.isFinite(one));
    if (bad >= 0) throw unfit(values[bad], datatype, where(bad));
    return { type, data };
  }
  const [type, make, low, high] = INTEGERS[datatype]!;
  check(values, (value) => typeof value === "number", "a whole number", where);
  values.forEach((value, at) => {
    if (Number.isInteger(value)) return;
    throw bad(`expected a whole number${place(where(at))}, got ${String(value)}`, where(at));
  });
  const off = (values as number[]).findIndex((value) => value < low || value > high);
  if (off >= 0) throw unfit(values[off], `${datatype} (${low} to ${high})`, where(off));
  return { type, data: make(values as number[]) };
}

/** Throw BadInputError for a lone surrogate, which JSON allows. */
export function checkUnicode(text: string, pointer: string): void {
  if (!/\p{Surrogate}/u.test(text)) return;
  throw bad(`the string${place(pointer)} is not valid Unicode`, pointer);
}

function check(
  values: unknown[], fits: (value: unknown) => boolean, what: string, where: Where,
): void {
  const at = values.findIndex((value) => !fits(value));
  if (at >= 0) throw expected(what, where(at), values[at]);
}

function unfit(value: unknown, datatype: string, pointer: string): BadInputError {
  return bad(`${String(value)}${place(pointer)} does not fit ${datatype}`, pointer);
}
