/**
 * Parser of responses. Strict: they may come from a server between client and service.
 *
 * A response of another server (a captive portal's page, half a catalogue) is a
 * TransportError.
 */

import { TransportError, classOf } from "./errors.js";
import type { Met } from "./transport.js";

/** A possible mistake in a request that was answered. */
export interface InputWarning {
  /** unknown_field, out_of_range, unknown_category, ...; others may follow. */
  code: string;
  detail: string;
  /** JSON pointer to the mistake in the request, as `/input/agee`. */
  pointer: string;
  /** The most similar known name. */
  suggestion: string | null;
}

/** The answer to one input; its fields depend on the model's kind. */
export interface Prediction {
  label: string | null;
  probability: number | null;
  scores: Record<string, number>;
  value: unknown;
  /** The action that a policy chose. */
  action: string | null;
  /** Every legal action and its probability. */
  actions: Record<string, number>;
  /** The generated item as rows. */
  item: string[] | null;
  /** The labels that apply, of a model with several labels an input. */
  labels: string[] | null;
  /** The vector of a text or an image. */
  embedding: number[] | null;
  /** The outputs of a tensor model by name, as nested lists. */
  outputs: Record<string, unknown>;
  /** The seed that repeats the answer. */
  seed: number | null;
  /** Parts of the input with their weights, from `explain`. */
  parts: { part: string; at?: number[]; weight: number }[];
  /**
   * The part of a long text that decided the answer: its start and end in code points,
   * and the number of parts.
   */
  judged_part: { start: number; end: number; of: number } | null;
  model: string | null;
  version: number | null;
  variant: string | null;
  request_id: string | null;
  /**
   * Possible mistakes in the input, such as a misspelt field;
   * `options: { strict: true }` turns the first into an error.
   */
  warnings: InputWarning[];
  /** Whether this request caused a cold start. */
  cold: boolean;
  /** Seconds from call to answer, including retries. */
  latency: number;
  /** Whether no model answered: the prediction holds the caller's default. */
  is_default: boolean;
  /**
   * The source of the answer: the service, the cache, the offline model or the default.
   */
  source: "service" | "cache" | "offline" | "default";
  /** Why the default was used: the error's name and message. */
  reason: string | null;
  /** The whole answer, including fields unknown to this SDK. */
  raw: Json;
}

/** A model in the service's catalogue. */
export interface Model {
  name: string;
  kind: string;
  version: number;
  versions: number[];
  aliases: Record<string, number>;
  /** From `card`: inputs and outputs, and the card as Markdown. */
  signature?: unknown;
  card?: string;
}

export type Json = Record<string, unknown>;

const EMPTY: Prediction = {
  label: null, probability: null, scores: {}, value: null, action: null, actions: {},
  item: null, labels: null, embedding: null, outputs: {}, seed: null, parts: [],
  judged_part: null, model: null, version: null, variant: null, request_id: null,
  warnings: [], cold: false, latency: 0, is_default: false, source: "service",
  reason: null, raw: {},
};
/** The types of an answer's fields, each of which may be missing. */
const TYPES: Record<string, string> = {
  label: "string", probability: "number", scores: "object", action: "string",
  actions: "object", item: "list", labels: "list", embedding: "list", outputs: "object",
  parts: "list", model: "string", seed: "number", version: "number", variant: "string",
  request_id: "string",
};
// a gateway's response has no `retryable` field, only its status
const PASSING = new Set([429, 502, 503, 504]);
/** The fields of which an answer has at least one, depending on the model's kind. */
const ANSWERS = ["label", "labels", "value", "embedding", "action", "item", "outputs", "matches", "steps"];
const REQUEST_IDS = ["x-request-id", "apigw-requestid", "x-amzn-requestid"];

/** The answer's JSON object; throws StatusError or TransportError. */
export function read(met: Met): Json {
  const body = parsed(met.body);
  if (met.status >= 200 && met.status < 300) {
    if (!body) throw strange("is no JSON object");
    return body;
  }
  refuse(met, body);
}

/** Throw the error that a response describes. */
export function refuse(met: Met, body: Json | null): never {
  const { status, headers } = met;
  const problem = body ?? {};
  const after = headers["retry-after"] ?? "";
  const moved = status < 400; // a browser shows a redirect as status 0
  const silent = moved
    ? `it redirects to ${headers["location"] ?? "elsewhere"}: give that as baseUrl`
    : "the service gave no reason";
  throw new (classOf(status))({
    status,
    code: String(problem["code"] ?? ""),
    detail: String(problem["detail"] ?? problem["message"] ?? silent),
    retryable:
      typeof problem["retryable"] === "boolean" ? problem["retryable"] : PASSING.has(status),
    request_id: String(problem["request_id"] ?? requestId(met)),
    pointer: typeof problem["pointer"] === "string" ? problem["pointer"] : null,
    retry_after: /^\d+$/.test(after) ? Number(after) : null,
    // the service and its gateway explain themselves in JSON
    is_foreign: !body && status < 500,
  });
}

/** The id that the service or its gateway gave the request, or "". */
export function requestId({ headers }: Met): string {
  const traced = REQUEST_IDS.find((name) => name in headers);
  return traced ? headers[traced]! : "";
}

/** The prediction of an answer; throws TransportError. */
export function prediction(answer: Json, latency: number): Prediction {
  for (const [name, type] of Object.entries(TYPES)) {
    const value = answer[name] ?? null;
    const found = Array.isArray(value) ? "list" : typeof value;
    if (value !== null && found !== type) throw strange(`has a ${name} of the wrong type`);
  }
  const warnings = warningsOf(answer["warnings"]);
  const complete = ANSWERS.some((name) => answer[name] != null) ||
    // a number that is not finite is null in JSON, with a warning
    warnings.some(({ code }) => code === "not_finite" || code === "more_warnings");
  if (!complete) throw strange("holds no prediction");
  return {
    ...EMPTY, ...given(answer), warnings, latency, is_default: false,
    source: "service", reason: null, raw: answer,
  };
}

/** The fields of an answer that are there: null means missing. */
function given(answer: Json): Partial<Prediction> {
  return Object.fromEntries(Object.entries(answer).filter(([, value]) => value !== null));
}

/** The warnings of the input at `pointer`, and of the whole request. */
export function ofRow(warnings: unknown, pointer: string): unknown[] {
  return (Array.isArray(warnings) ? warnings : []).filter((one) => {
    const place = isObject(one) ? String(one["pointer"]) : "";
    const other = place.startsWith("/inputs/");
    return !other || place === pointer || place.startsWith(`${pointer}/`);
  });
}

/** The warnings of an answer without malformed ones. */
export function warningsOf(warnings: unknown): InputWarning[] {
  const list = (Array.isArray(warnings) ? warnings : []).filter(isObject);
  return list.filter((one) => "code" in one).map(
    (one) => ({
      code: String(one["code"]),
      detail: String(one["detail"] ?? ""),
      pointer: String(one["pointer"] ?? ""),
      suggestion: typeof one["suggestion"] === "string" ? one["suggestion"] : null,
    }),
  );
}

/** The `count` predictions of an answer; throws TransportError. */
export function predictions(answer: Json, count: number, latency: number): Prediction[] {
  const { predictions: many, warnings, ...source } = answer;
  // an own fetch or transport may answer one input as a plain predict
  if (count === 1 && many === undefined) return [prediction(answer, latency)];
  const items = list(answer, "predictions");
  if (items.length !== count) {
    throw strange(`holds ${items.length} predictions for ${count} inputs`);
  }
  return items.map((item, row) =>
    prediction({ ...source, ...item, warnings: ofRow(warnings, `/inputs/${row}`) }, latency),
  );
}

/** The models of a catalogue; throws TransportError. */
export function models(answer: Json): Model[] {
  return list(answer, "models").map(model);
}

/** One model; throws TransportError. */
export function model(item: Json): Model {
  if (["name", "kind", "version"].some((name) => item[name] === undefined)) {
    throw strange("does not describe a model");
  }
  return { versions: [], aliases: {}, ...item } as unknown as Model;
}

/** Return a prediction with a default, for any kind of model. */
export function standIn(value: unknown, latency = 0, error?: Error): Prediction {
  const reason = error ? `${error.name}: ${error.message}` : null;
  const word = typeof value === "string" || Number.isInteger(value);
  return {
    ...EMPTY,
    label: typeof value === "string" ? value : null,
    action: word ? String(value) : null,
    item: Array.isArray(value) ? (value as string[]) : null,
    value, latency, is_default: true, source: "default", reason,
  };
}

export function strange(what: string): TransportError {
  return new TransportError(`the answer ${what}: is this a Hotseat service?`);
}

function list(answer: Json, name: string): Json[] {
  const items = answer[name];
  if (Array.isArray(items) && items.every(isObject)) return items;
  throw strange(`has no list of ${name}`);
}

function parsed(text: string): Json | null {
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) ? body : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Json {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
