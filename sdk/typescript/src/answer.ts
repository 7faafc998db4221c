/** From a response to values: strict, for anything may stand in between. */

import { StatusError, TransportError, classOf } from "./errors.js";

/** What one try met. */
export interface Met {
  status: number;
  /** Header names in lower case. */
  headers: Record<string, string>;
  body: string;
}

/** The answer to one input; which fields there are follows from the model's kind. */
export interface Prediction {
  label: string | null;
  probability: number | null;
  scores: Record<string, number>;
  value: unknown;
  action: string | null;
  actions: Record<string, number>;
  item: string[] | null;
  seed: number | null;
  parts: { part: string; at?: number[]; weight: number }[];
  model: string | null;
  version: number | null;
  variant: string | null;
  request_id: string | null;
  /** Seconds from call to answer, retries included. */
  latency: number;
  /** No model answered: what stands here is the default that the caller gave. */
  is_default: boolean;
}

/** A model in the service's catalogue. */
export interface Model {
  name: string;
  kind: string;
  version: number;
  versions: number[];
  aliases: Record<string, number>;
}

type Json = Record<string, unknown>;

const PASSING = new Set([429, 502, 503, 504]);

/** The answer's JSON object; throws StatusError or TransportError. */
export function read(met: Met): Json {
  let body: unknown = null;
  try {
    body = JSON.parse(met.body);
  } catch {
    body = null;
  }
  const object = body !== null && typeof body === "object" && !Array.isArray(body);
  if (met.status >= 200 && met.status < 300) {
    if (!object) throw strange("is no JSON object");
    return body as Json;
  }
  const problem = (object ? body : {}) as Json;
  const after = met.headers["retry-after"] ?? "";
  throw new (classOf(met.status))({
    status: met.status,
    code: String(problem["code"] ?? ""),
    detail: String(problem["detail"] ?? problem["message"] ?? "the service gave no reason"),
    retryable:
      typeof problem["retryable"] === "boolean"
        ? problem["retryable"]
        : PASSING.has(met.status),
    request_id: String(problem["request_id"] ?? met.headers["x-request-id"] ?? ""),
    pointer: typeof problem["pointer"] === "string" ? problem["pointer"] : null,
    retry_after: /^\d+$/.test(after) ? Number(after) : null,
  });
}

/** The prediction that an answer holds; throws TransportError. */
export function prediction(answer: Json, latency: number): Prediction {
  const said = ["label", "value", "action", "item"].some((name) => answer[name] != null);
  if (!said) throw strange("holds no prediction");
  return {
    label: null, probability: null, scores: {}, value: null, action: null, actions: {},
    item: null, seed: null, parts: [], model: null, version: null, variant: null,
    request_id: null, ...(answer as Partial<Prediction>), latency, is_default: false,
  };
}

/** The `count` predictions of an answer; throws TransportError. */
export function predictions(answer: Json, count: number, latency: number): Prediction[] {
  const { predictions: items, ...source } = answer;
  if (!Array.isArray(items) || items.length !== count) {
    throw strange(`holds not ${count} predictions`);
  }
  return items.map((item) => prediction({ ...source, ...item }, latency));
}

/** The models of a catalogue; throws TransportError. */
export function models(answer: Json): Model[] {
  const items = answer["models"];
  if (!Array.isArray(items)) throw strange("has no list of models");
  return items.map(model);
}

/** One model; throws TransportError. */
export function model(item: Json): Model {
  if (typeof item["name"] !== "string") throw strange("describes no model");
  return { versions: [], aliases: {}, ...item } as unknown as Model;
}

/** What stands in for an answer. */
export function standIn(value: unknown, latency: number): Prediction {
  const label = typeof value === "string" ? value : null;
  return { ...prediction({ value: value ?? "" }, latency), label, value, is_default: true };
}

export function mayRetry(error: unknown): boolean {
  if (error instanceof StatusError) return error.retryable;
  if (!(error instanceof TransportError)) return false;
  return error.constructor === TransportError;
}

function strange(what: string): TransportError {
  return new TransportError(`the answer ${what}: is this a Hotseat service?`);
}
