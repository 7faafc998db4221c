/**
 * Inputs as JSON: what games have in hand is sent as it means, or refused by name.
 *
 * Typed arrays become lists, dates ISO 8601. NaN, BigInt, Map, Set and functions have no
 * JSON: ConfigError names their place. Half of a surrogate pair is what a player typed
 * and no UTF-8: BadInputError, which a default replaces.
 */

import { BadInputError, ConfigError } from "./errors.js";

const DEEPEST = 200;

/** A copy of a value that JSON can write; throws ConfigError or BadInputError. */
export function plain(value: unknown, place = "", depth = 0): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return text(value, place);
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw refusal(`${value}`, place, "send a number or leave it out");
  }
  if (typeof value !== "object") {
    throw refusal(`a value of type ${typeof value}`, place, "use text, numbers, lists, objects");
  }
  if (depth > DEEPEST) throw refusal("a value nested too deep, or in itself", place, "flatten it");
  if (Array.isArray(value) || isTyped(value)) {
    return Array.from(value as ArrayLike<unknown>, (one, at) =>
      one === undefined ? null : plain(one, `${place}/${at}`, depth + 1),
    );
  }
  const own = value as Record<string, unknown>;
  if (typeof own["toJSON"] === "function") return plain(own["toJSON"](), place, depth + 1);
  if (value instanceof Map || value instanceof Set || value instanceof ArrayBuffer) {
    const way = value instanceof Map ? "Object.fromEntries" : "Array.from";
    throw refusal(`a ${value.constructor.name}`, place, `use ${way}`);
  }
  const copy: [string, unknown][] = [];
  for (const [name, inner] of Object.entries(own)) {
    if (inner !== undefined) copy.push([text(name, place), plain(inner, `${place}/${name}`, depth + 1)]);
  }
  return Object.fromEntries(copy);
}

function isTyped(value: object): boolean {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function text(words: string, place: string): string {
  if (!/\p{Surrogate}/u.test(words)) return words;
  throw new BadInputError({
    status: 0, code: "text_not_unicode", retryable: false, request_id: "",
    pointer: null, retry_after: null, is_foreign: false,
    detail: `the text at ${place || "/"} has half of a surrogate pair, which is no ` +
      "character: cut texts between characters",
  });
}

function refusal(what: string, place: string, way: string): ConfigError {
  return new ConfigError(`the input is not JSON: ${what} at ${place || "/"} (${way})`);
}
