/**
 * Ask a Hotseat model service from a game, in browsers and Node.
 *
 *     const client = new ModelServiceClient({ baseUrl: "https://models.example/prod" });
 *     const { label } = await client.predict("gg wp", { model: "chat-moderation", default: "ok" });
 */

import * as answers from "./answer.js";
import type { Met, Model, Prediction } from "./answer.js";
import {
  BadInputError, CancelledError, CircuitOpenError, ConfigError, DeadlineError,
  HotseatError, StatusError, TransportError,
} from "./errors.js";
import { Guard } from "./guard.js";
import { Desk, type Question, type Ticket } from "./ticket.js";

export type { Met, Model, Prediction } from "./answer.js";
export * from "./errors.js";
export { Ticket } from "./ticket.js";

/** One HTTP request. */
export interface Request {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string | null;
}

/** Sends a request within so many seconds; throws TransportError. */
export type Transport = (
  request: Request, seconds: number, signal?: AbortSignal,
) => Promise<Met>;

/** What a hook hears of each call when it is over. */
export interface Call {
  path: string;
  tries: number;
  seconds: number;
  /** Of the last answer; 0 where none came. */
  status: number;
  /** The error's class; empty where it succeeded. */
  error: string;
}

export interface ClientOptions {
  /** Default: where `hotseat serve` listens. */
  baseUrl?: string;
  /** Seconds a call may take, with connecting and retries. */
  deadline?: number;
  /** A key, or a function that returns a player's short-lived token for each call. */
  apiKey?: string | (() => string | Promise<string>);
  transport?: Transport;
  hook?: (call: Call) => void;
  /** Seconds; monotonic. */
  clock?: () => number;
  sleep?: (seconds: number) => Promise<void>;
  random?: () => number;
}

export interface CallOptions {
  model?: string;
  version?: number | string;
  options?: Record<string, unknown>;
  playerId?: string;
  deadline?: number;
  signal?: AbortSignal;
  /** Returned where no answer could be had; bad input still throws. */
  default?: unknown;
}

const DEADLINE = 2;
const FIRST = 0.05;
const LARGEST = 1;

/** Asks a model service. */
export class ModelServiceClient {
  readonly baseUrl: string;
  readonly #deadline: number;
  readonly #key: ClientOptions["apiKey"];
  readonly #transport: Transport;
  readonly #hook: ((call: Call) => void) | undefined;
  readonly #clock: () => number;
  readonly #sleep: (seconds: number) => Promise<void>;
  readonly #random: () => number;
  readonly #guard: Guard;
  readonly #desk: Desk;

  constructor(given: ClientOptions = {}) {
    this.baseUrl = (given.baseUrl ?? "http://localhost:8080").replace(/\/+$/, "");
    if (!/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(this.baseUrl)) {
      throw new ConfigError(`${this.baseUrl} is no base URL, such as https://models.example/prod`);
    }
    this.#deadline = positive(given.deadline ?? DEADLINE);
    this.#key = given.apiKey;
    this.#transport = given.transport ?? overFetch;
    this.#hook = given.hook;
    this.#clock = given.clock ?? (() => performance.now() / 1000);
    this.#sleep =
      given.sleep ?? ((s) => new Promise((resolve) => setTimeout(resolve, 1000 * s)));
    this.#random = given.random ?? Math.random;
    this.#guard = new Guard(this.#clock);
    this.#desk = new Desk((inputs, question) => this.predictMany(inputs, question));
  }

  /** How often the service was left alone because it failed. */
  get openings(): number {
    return this.#guard.openings;
  }

  /** Ask about one input: a text, named features, a board. Throws HotseatError. */
  predict(input: unknown, given: CallOptions = {}): Promise<Prediction> {
    const plain = given.model === undefined && typeof input === "string";
    return this.#one("predict", plain ? { text: input } : { input }, given);
  }

  /** Ask about many inputs in one request; answers come in their order. */
  async predictMany(inputs: unknown[], given: CallOptions = {}): Promise<Prediction[]> {
    const start = this.#clock();
    try {
      const answer = await this.#ask("predict", { inputs, ...extras(given) }, given);
      return answers.predictions(answer, inputs.length, this.#clock() - start);
    } catch (error) {
      if (!("default" in given) || isCallers(error)) throw error;
      return inputs.map(() => answers.standIn(given.default, this.#clock() - start));
    }
  }

  /** Ask why: the prediction, with `parts` and what each of them weighs. */
  explain(input: unknown, given: CallOptions & { model: string }): Promise<Prediction> {
    return this.#one("explain", { input }, given);
  }

  /** Ask a policy what to do; a default is the action to take without an answer. */
  async choose(
    board: unknown,
    given: CallOptions & {
      model: string;
      level?: string;
      temperature?: number;
      seed?: number;
      legal?: (string | number)[];
    },
  ): Promise<Prediction> {
    const { level, temperature, seed, legal } = given;
    const input = legal === undefined ? { board } : { board, legal };
    const options = defined({ level, temperature, seed });
    const found = await this.#one("predict", { input }, { ...given, options });
    return found.is_default ? { ...found, action: String(given.default) } : found;
  }

  /** Ask for a generated item; the same seed and wishes give the same one. */
  async generate(
    wishes: Record<string, unknown>,
    given: CallOptions & { model: string; seed?: number },
  ): Promise<Prediction> {
    const options = defined({ seed: given.seed });
    const found = await this.#one("predict", { input: wishes }, { ...given, options });
    return found.is_default ? { ...found, item: given.default as string[] } : found;
  }

  /** Ask without waiting, from a game loop; look at the ticket in later frames. */
  submit(input: unknown, question: Question = {}): Ticket {
    return this.#desk.submit(input, question);
  }

  /** The service's catalogue. */
  async models(): Promise<Model[]> {
    return answers.models(await this.#call("GET", "/v1/models", null, {}));
  }

  /** One model with its signature and card. */
  async card(model: string): Promise<Model> {
    return answers.model(await this.#call("GET", `/v1/models/${part(model)}`, null, {}));
  }

  /** Whether the service answers and has a model to ask. */
  async ready(): Promise<boolean> {
    try {
      const answer = await this.#call("GET", "/v2/health/ready", null, {});
      return answer["ready"] === true;
    } catch {
      return false;
    }
  }

  /** Cancel open tickets. */
  close(): void {
    this.#desk.close();
  }

  async #one(
    verb: string, body: Record<string, unknown>, given: CallOptions,
  ): Promise<Prediction> {
    const start = this.#clock();
    try {
      const answer = await this.#ask(verb, { ...body, ...extras(given) }, given);
      return answers.prediction(answer, this.#clock() - start);
    } catch (error) {
      if (!("default" in given) || isCallers(error)) throw error;
      return answers.standIn(given.default, this.#clock() - start);
    }
  }

  #ask(
    verb: string, body: Record<string, unknown>, given: CallOptions,
  ): Promise<Record<string, unknown>> {
    let path = "/model-service";
    if (given.model !== undefined) {
      path = `/v1/models/${part(given.model)}`;
      if (given.version !== undefined) path += `/versions/${part(String(given.version))}`;
      path += `/${verb}`;
    } else if (given.version !== undefined) {
      throw new ConfigError("a version belongs to a model: give model as well");
    }
    return this.#call("POST", path, body, given);
  }

  /** Send until there is an answer, a final error, or no time left. */
  async #call(
    method: string, path: string, body: Record<string, unknown> | null, given: CallOptions,
  ): Promise<Record<string, unknown>> {
    const start = this.#clock();
    const allowed = positive(given.deadline ?? this.#deadline);
    const over = { tries: 0, status: 0, error: "" };
    try {
      if (!this.#guard.admit()) {
        throw new CircuitOpenError(`${path}: the service failed often; it is left alone`);
      }
      return await this.#tries(method, path, body, given, start + allowed, allowed, over);
    } catch (error) {
      over.error = error instanceof Error ? error.constructor.name : "Error";
      if (!(error instanceof StatusError || error instanceof TransportError)) {
        this.#guard.gaveUp();
      }
      throw error;
    } finally {
      this.#hook?.({ path, seconds: this.#clock() - start, ...over });
    }
  }

  async #tries(
    method: string, path: string, body: Record<string, unknown> | null,
    given: CallOptions, end: number, allowed: number,
    over: { tries: number; status: number },
  ): Promise<Record<string, unknown>> {
    const request = await this.#request(method, path, body);
    for (;;) {
      const left = end - this.#clock();
      if (left <= 0) throw new DeadlineError(`${path}: no answer within ${allowed} s`);
      if (given.signal?.aborted) throw new CancelledError(`${path}: it was cancelled`);
      // the service need not go on working for somebody who has left
      request.headers["deadline-ms"] = String(Math.max(Math.round(1000 * left), 1));
      try {
        over.tries += 1;
        const met = await this.#transport(request, left, given.signal);
        over.status = met.status;
        const answer = answers.read(met);
        this.#guard.succeeded();
        return answer;
      } catch (error) {
        if (error instanceof CancelledError) throw error;
        const away = error instanceof StatusError ? error.status >= 500 : true;
        if (away) this.#guard.failed();
        else this.#guard.succeeded();
        const drawn = this.#random() * Math.min(LARGEST, FIRST * 2 ** (over.tries - 1));
        const asked = error instanceof StatusError ? (error.retry_after ?? 0) : 0;
        const wait = Math.max(asked, drawn);
        const again = answers.mayRetry(error) && this.#clock() + wait < end;
        if (!again || !this.#guard.mayRetry()) throw error;
        await this.#sleep(wait);
      }
    }
  }

  async #request(
    method: string, path: string, body: Record<string, unknown> | null,
  ): Promise<Request> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (typeof this.#key === "function") {
      headers["authorization"] = `Bearer ${await this.#key()}`;
    } else if (this.#key) {
      headers["x-api-key"] = this.#key;
    }
    if (body !== null) {
      headers["content-type"] = "application/json";
      // the same for every try of this call, so that nothing is counted twice
      headers["idempotency-key"] = crypto.randomUUID();
    }
    const text = body === null ? null : JSON.stringify(body);
    return { method, url: this.baseUrl + path, headers, body: text };
  }
}

/** Requests by the platform's own fetch. */
export const overFetch: Transport = async (request, seconds, signal) => {
  const late = AbortSignal.timeout(Math.max(1, Math.ceil(1000 * seconds)));
  const either = signal ? AbortSignal.any([late, signal]) : late;
  try {
    const answer = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      signal: either,
      redirect: "manual",
    });
    const headers: Record<string, string> = {};
    answer.headers.forEach((value, name) => (headers[name.toLowerCase()] = value));
    return { status: answer.status, headers, body: await answer.text() };
  } catch (error) {
    if (signal?.aborted) throw new CancelledError("the call was cancelled");
    if (late.aborted) throw new DeadlineError(`no answer within ${seconds.toPrecision(3)} s`);
    throw new TransportError(`${request.url} cannot be reached: ${String(error)}`);
  }
};

function extras(given: CallOptions): Record<string, unknown> {
  const chosen = given.options && Object.keys(given.options).length ? given.options : undefined;
  return defined({ options: chosen, player_id: given.playerId });
}

function defined(given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function isCallers(error: unknown): boolean {
  const known = error instanceof HotseatError;
  return !known || error instanceof BadInputError || error instanceof ConfigError;
}

function positive(seconds: number): number {
  if (!(seconds > 0 && seconds <= 86_400)) {
    throw new ConfigError(`a deadline is more than 0 seconds and at most a day, not ${seconds}`);
  }
  return seconds;
}

/** Quote a part of a path; dots alone would be taken for a folder. */
function part(name: string): string {
  if (name === "" || name === "." || name === "..") {
    throw new ConfigError(`"${name}" names no model or version`);
  }
  return encodeURIComponent(name);
}
