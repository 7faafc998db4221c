/**
 * Rules for a text over the signature's limit, as in the service: refuse, cut or parts.
 *
 * The part with the lowest probability of the neutral label decides. Places are in code
 * points.
 */

import { checkUnicode } from "./elements.js";
import { tooLarge } from "./fault.js";
import type { Input, Signature } from "./manifest.js";
import type { Warnings } from "./warnings.js";
import { inside, isObject, place } from "./wording.js";

const MOST_PARTS = 16; // of one text; a longer text is an error

type Json = Record<string, unknown>;
type Span = [start: number, end: number];

/** Inputs with their long texts cut or in parts. */
export interface Expanded {
  inputs: unknown[];
  pointers: string[];
  /** The parts of each original input; empty for a whole text. */
  spans: Span[][];
}

/** The input that accepts long texts. */
export function rule({ inputs }: Signature): Input | null {
  const ruled = inputs.find(({ too_long: rule, max_bytes: most }) =>
    (rule === "cut" || rule === "parts") && most);
  return ruled ?? null;
}

/**
 * The inputs to run; null if no text is too long. Throws BadInputError, and
 * TooLargeError for a text of too many parts.
 */
export function expand(
  item: Input, inputs: unknown[], pointers: string[], warnings: Warnings,
): Expanded | null {
  const limit = item.max_bytes!;
  const isCut = item.too_long === "cut";
  const found: Expanded = { inputs: [], pointers: [], spans: [] };
  let isWhole = true;
  inputs.forEach((given, row) => {
    const pointer = pointers[row]!;
    const value = isObject(given) ? given[item.name] : given;
    const where = isObject(given) ? inside(pointer, item.name) : pointer;
    const text = typeof value === "string" ? value : ""; // `encode` throws for other types
    const size = sizeOf(text, limit, where);
    const characters = size > limit ? Array.from(text) : [];
    const parts = size > limit ? judged(characters, item, size, where) : [];
    if (!parts.length) {
      found.inputs.push(given);
      found.pointers.push(pointer);
      found.spans.push([]);
      return;
    }
    isWhole = false;
    if (isCut) {
      const detail = `the text${place(where)} has ${size} bytes; what is over ${limit} is not read`;
      warnings.add("text_cut", detail, where);
    }
    found.spans.push(isCut ? [] : parts);
    for (const [start, end] of parts) {
      const part = characters.slice(start, end).join("");
      found.inputs.push(isObject(given) ? { ...given, [item.name]: part } : part);
      found.pointers.push(pointer);
    }
  });
  return isWhole ? null : found;
}

/** One answer for each input: of the worst part, with its place. */
export function fold({ neutral_label: neutral }: Signature, { spans }: Expanded, answers: Json[]): Json[] {
  const calm = (answer: Json) => {
    const score = (answer["scores"] as Record<string, number>)[neutral!]!;
    return Number.isNaN(score) ? -Infinity : score; // NaN is the worst score
  };
  let next = 0;
  return spans.map((parts) => {
    if (!parts.length) return answers[next++]!;
    const own = answers.slice(next, (next += parts.length));
    const scores = own.map(calm);
    const worst = scores.indexOf(Math.min(...scores));
    const [start, end] = parts[worst]!;
    return { ...own[worst], judged_part: { start, end, of: parts.length } };
  });
}

/** The bytes of a text in UTF-8; 0 for a text that is certainly within the limit. */
function sizeOf(text: string, limit: number, where: string): number {
  if (text.length * 3 <= limit) return 0; // four bytes are two code units
  checkUnicode(text, where);
  return new TextEncoder().encode(text).length;
}

/** The parts of a long text to read; empty if they contain only spaces. */
function judged(characters: string[], item: Input, size: number, where: string): Span[] {
  const limit = item.max_bytes!;
  if (item.too_long === "parts") return [...partsOf(characters, limit, size, where)];
  const end = endOf(characters, 0, limit);
  return isBlank(characters, 0, end) ? [] : [[0, end]];
}

/** The parts of a text, which overlap, cut between words where there is a space. */
function* partsOf(
  characters: string[], limit: number, size: number, where: string,
): Generator<Span> {
  let count = 0;
  for (let start = 0, end = 0; end < characters.length; start = nextOf(characters, start, end)) {
    end = endOf(characters, start, limit);
    if (end < characters.length) {
      const space = characters.lastIndexOf(" ", end - 1);
      if (space >= start + Math.floor((end - start) / 2) && space > 0) end = space + 1;
    }
    if (isBlank(characters, start, end)) continue;
    if (++count > MOST_PARTS) {
      const most = `the limit is ${MOST_PARTS} parts of ${limit}`;
      throw tooLarge(`the text${place(where)} has ${size} bytes; ${most}`, where);
    }
    yield [start, end];
  }
}

/**
 * Where the part after this one begins: up to an eighth before its end, between words
 * where there are spaces. So a phrase at a cut stands whole in one of the two.
 */
function nextOf(characters: string[], start: number, end: number): number {
  const back = end - Math.floor((end - start) / 8);
  const space = characters.indexOf(" ", back);
  if (space >= 0 && space < end - 1) return space + 1;
  return characters[end - 1] === " " ? end : back;
}

/** The end of the longest part from `start` within the limit of bytes. */
function endOf(characters: string[], start: number, limit: number): number {
  let end = start;
  for (let bytes = 0; end < characters.length; end++) {
    const code = characters[end]!.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > limit) break;
  }
  return Math.max(end, start + 1);
}

function isBlank(characters: string[], start: number, end: number): boolean {
  return !characters.slice(start, end).join("").trim();
}
