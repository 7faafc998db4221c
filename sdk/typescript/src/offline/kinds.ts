/** Answers of each kind of model, in the service's form. */

import { HotseatError } from "../errors.js";
import { bad } from "./fault.js";
import { expand, fold, rule } from "./longtexts.js";
import type { Input, Level, Manifest } from "./manifest.js";
import { draw } from "./philox.js";
import { games } from "./rules.js";
import { search } from "./search.js";
import { type Plain, checkRows, encode, states } from "./tensors.js";
import type { Warnings } from "./warnings.js";
import { expected, jsonType, listed, quoted } from "./wording.js";

type Json = Record<string, unknown>;
/** Runs a graph: tensors to numbers by the output's name. */
export type Run = (tensors: Record<string, Plain>) => Promise<Record<string, ArrayLike<number>>>;
/** One version with its graph, and one request for it. */
export interface Asked {
  manifest: Manifest;
  run: Run;
  inputs: unknown[];
  /** The JSON pointer to each input. */
  pointers: string[];
  options: Json;
  clock: () => number;
  /** Collects possible mistakes in the inputs. */
  warnings: Warnings;
}
type Kind = (asked: Asked) => Promise<Json[]>;

const SEARCH_SECONDS = 0.045; // of one board; the service divides them among all boards of a request
const SLICE = 0.004; // a quarter of a frame: then it yields to the game

export const KINDS: Record<string, Kind> = { classification, regression, policy };
const MAX_TEMPERATURE = 100;
const OPTIONS = ["temperature", "seed", "level", "strict"];

/** An answer for each input; throws BadInputError, TooLargeError. */
export async function answered(asked: Asked): Promise<Json[]> {
  checkOptions(asked.options, asked.warnings);
  const item = rule(asked.manifest.signature);
  const kind = KINDS[asked.manifest.kind]!;
  const found = item ? await ofTexts(asked, kind, item) : await kind(asked);
  found.forEach((answer, row) => checkFinite(answer, asked.pointers[row]!, asked.warnings));
  return found;
}

/** Answers if texts may be longer than the signature's limit. */
async function ofTexts(asked: Asked, kind: Kind, item: Input): Promise<Json[]> {
  const { manifest: { signature }, inputs, pointers, warnings } = asked;
  const most = checkRows(signature, inputs.length);
  const found = expand(item, inputs, pointers, warnings);
  if (!found) return kind(asked);
  const answers: Json[] = [];
  for (let at = 0; at < found.inputs.length; at += most) {
    answers.push(...await kind({
      ...asked,
      inputs: found.inputs.slice(at, at + most),
      pointers: found.pointers.slice(at, at + most),
    }));
  }
  return fold(signature, found, answers);
}

function checkOptions(options: Json, warnings: Warnings): void {
  const { strict, temperature, seed, level } = options;
  const given = (value: unknown) => value !== undefined && value !== null;
  if (given(strict) && typeof strict !== "boolean") {
    throw expected("true or false", "/options/strict", strict);
  }
  warnings.strict ||= strict === true;
  const unknown = Object.keys(options).filter((name) => !OPTIONS.includes(name));
  if (unknown.length) warnings.unknown(unknown, OPTIONS, "/options");
  const heat = temperature as number;
  if (given(temperature) && !(Number.isFinite(heat) && heat >= 0 && heat <= MAX_TEMPERATURE)) {
    throw unfit(`a number from 0 to ${MAX_TEMPERATURE}`, "temperature", temperature);
  }
  if (given(seed) && !(Number.isSafeInteger(seed) && (seed as number) >= 0)) {
    throw unfit(`a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`, "seed", seed);
  }
  if (given(level) && typeof level !== "string") throw expected("a string", "/options/level", level);
}

function unfit(what: string, name: string, value: unknown): Error {
  const got = typeof value === "number" ? String(value) : jsonType(value);
  return bad(`expected ${what} at /options/${name}, got ${got}`, `/options/${name}`);
}

/** Replace numbers that are not finite by null: JSON has no such numbers. */
function checkFinite(answer: Json, pointer: string, warnings: Warnings): void {
  const isOff = (value: unknown): boolean =>
    typeof value === "number" ? !Number.isFinite(value)
      : value !== null && typeof value === "object" && Object.values(value).some(isOff);
  const names = Object.keys(answer).filter((name) => isOff(answer[name]));
  if (!names.length) return;
  for (const name of names) answer[name] = JSON.parse(JSON.stringify(answer[name]));
  const detail = `the model answers a number that is not finite to the input at ${pointer}`;
  warnings.add("not_finite", `${detail}: null stands for it in ${names.join(", ")}`, pointer);
}

function tensors({ manifest, inputs, pointers, warnings }: Asked): Record<string, Plain> {
  return encode(manifest.signature, inputs, warnings, pointers);
}

/** `scores` [rows, labels] are the labels' probabilities. */
async function classification(asked: Asked): Promise<Json[]> {
  const { manifest, run, inputs } = asked;
  const labels = manifest.signature.labels ?? [];
  const outputs = await run(tensors(asked));
  return rowsOf(output(outputs, "scores"), inputs.length).map((row) => {
    const best = row.indexOf(Math.max(...row));
    const scores = Object.fromEntries(labels.map((label, at) => [label, row[at]]));
    return { label: labels[best], probability: row[best], scores };
  });
}

/** `value` [rows] or [rows, 1] is the answer. */
async function regression(asked: Asked): Promise<Json[]> {
  const outputs = await asked.run(tensors(asked));
  const values = Array.from(output(outputs, "value"));
  const each = values.length / asked.inputs.length;
  if (each === 1) return values.map((value) => ({ value }));
  return asked.inputs.map((_, row) => ({ value: values.slice(row * each, (row + 1) * each) }));
}

/** A legal action for each row. */
async function policy(asked: Asked): Promise<Json[]> {
  const { manifest, inputs, options } = asked;
  const level = levelOf(manifest, options["level"]);
  const { chances, values } =
    level.simulations && manifest.signature.rules
      ? await searched(asked, manifest.signature.rules, level.simulations)
      : await atOnce(asked);
  const heat = (options["temperature"] as number | undefined) ?? level.temperature ?? 0;
  const seed = (options["seed"] as number | undefined) ?? Math.floor(Math.random() * 2 ** 53);
  return chances.map((row, at) => {
    const names = manifest.signature.labels?.length
      ? manifest.signature.labels
      : row.map((_, place) => String(place));
    const shares = legalOf(row, inputs[at], names, `/inputs/${at}`);
    const place = chosen(shares, heat, seed, at);
    const named = names.map((name, n) => [name, shares[n]!] as const);
    const answer: Json = {
      action: names[place],
      probability: shares[place],
      actions: Object.fromEntries(named.filter(([, share]) => share > 0)),
    };
    if (values) answer["value"] = values[at];
    if (heat > 0) answer["seed"] = seed;
    return answer;
  });
}

async function atOnce(asked: Asked) {
  const { run, inputs } = asked;
  const outputs = await run(tensors(asked));
  const rows = rowsOf(output(outputs, "policy"), inputs.length);
  const legal = outputs["legal"] && rowsOf(outputs["legal"], inputs.length);
  const chances = legal
    ? rows.map((row, at) => row.map((chance, n) => (legal[at]![n]! > 0 ? chance : 0)))
    : rows;
  return { chances, values: outputs["value"] && Array.from(outputs["value"]) };
}

async function searched(
  { manifest, run, inputs, clock }: Asked, rules: string, simulations: number,
) {
  const game = games[rules]!;
  const board = manifest.signature.inputs.find(({ form }) => form === "board")!;
  let rest = clock() + SLICE;
  const evaluate = async (asked: unknown[]): Promise<[ArrayLike<number>, number][]> => {
    if (clock() >= rest) {
      await breath();
      rest = clock() + SLICE;
    }
    const data = Float32Array.from(asked.flatMap((state) => game.encode(state)));
    const dims = [asked.length, ...board.shape.slice(1)];
    const outputs = await run({ [board.name]: { type: "float32", data, dims } });
    const scores = output(outputs, "value");
    return rowsOf(output(outputs, "policy"), asked.length).map((row, at) => [row, scores[at]!]);
  };
  const chances: number[][] = [];
  const values: number[] = [];
  for (const state of states(game, manifest.signature, inputs)) {
    const end = clock() + SEARCH_SECONDS;
    const found = await search(game, state, evaluate, simulations, () => clock() >= end);
    chances.push(found.policy);
    values.push(found.value);
  }
  return { chances, values };
}

/** Yield to frames and clicks; a timer of 0 would take the browser's 4 ms. */
function breath(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function levelOf({ signature }: Manifest, name: unknown): Level {
  if (name === undefined || name === null) return {};
  const level = signature.levels?.[String(name)];
  if (level) return level;
  const known = Object.keys(signature.levels ?? {});
  const there = known.length ? `the levels are ${listed(known)}` : "the model has none";
  throw bad(`no level ${quoted(String(name))}; ${there}`, "/options/level");
}

/** The probabilities of the legal actions; they sum to 1. */
function legalOf(chances: number[], given: unknown, names: string[], pointer: string): number[] {
  let mask = chances.map((chance) => chance > 0);
  const asked = (given as { legal?: unknown } | null)?.legal;
  if (asked !== undefined && asked !== null) {
    if (!Array.isArray(asked)) throw expected("a list of actions", `${pointer}/legal`, asked);
    asked.forEach((action, at) => {
      const name = Number.isInteger(action) ? String(action) : action;
      if (typeof name === "string" && names.includes(name)) return;
      const where = `${pointer}/legal/${at}`;
      const got = typeof name === "string" ? quoted(name) : jsonType(name);
      throw bad(`expected one of the actions at ${where}, got ${got}`, where);
    });
    // the caller knows the game: an action may be legal at probability 0
    mask = names.map((name) => asked.map(String).includes(name));
  }
  const total = (numbers: number[]) => numbers.reduce((sum, n) => sum + n, 0);
  let shares = chances.map((chance, at) => (mask[at] ? chance : 0));
  if (!(total(shares) > 0)) shares = mask.map(Number);
  const whole = total(shares);
  if (!whole) throw bad("no action is legal here", pointer);
  return shares.map((share) => share / whole);
}

/** The index of the action: the best, or one drawn at that temperature. */
function chosen(shares: number[], heat: number, seed: number, row: number): number {
  if (!(heat > 0)) return shares.indexOf(Math.max(...shares));
  const places = shares.flatMap((share, place) => (share > 0 ? [place] : []));
  const logits = places.map((place) => Math.log(shares[place]!) / heat);
  const top = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - top));
  let aim = draw(seed, row) * weights.reduce((sum, weight) => sum + weight, 0);
  const at = weights.findIndex((weight) => (aim -= weight) < 0);
  return places[at < 0 ? places.length - 1 : at]!;
}

function rowsOf(flat: ArrayLike<number>, count: number): number[][] {
  const width = flat.length / count;
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: width }, (_, at) => flat[row * width + at]!),
  );
}

function output(outputs: Record<string, ArrayLike<number>>, name: string): ArrayLike<number> {
  const found = outputs[name];
  if (found) return found;
  throw new HotseatError(`the graph has no output '${name}'`);
}
