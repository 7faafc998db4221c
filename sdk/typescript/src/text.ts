/** Texts as they are written: what `client.say` returns. */

import { type InputWarning, type Json, read, strange, warningsOf } from "./answer.js";
import { CancelledError, ConfigError, HotseatError, isAway, NotReadyError, TransportError } from "./errors.js";
import type { EventStream, ServerEvent } from "./events.js";

const DEADLINE = 20;
const SHARE = 0.9;
/** Versions whose canned line is kept, at most. */
const LINES = 1000;

/** The slots of the version's template, a prompt, or messages. */
export type SayInput = string | { role: string; content: string }[] | Record<string, unknown>;

/** Options of a text. */
export interface SayOptions {
  model: string;
  /** A number or an alias; default: live. */
  version?: number | string;
  maxTokens?: number;
  /** 0 takes the most probable. */
  temperature?: number;
  topP?: number;
  seed?: number;
  /** Texts at which the model stops. */
  stop?: string | string[];
  /** A JSON schema: `value` of the answer keeps to it. */
  schema?: unknown;
  /** A grammar of llguidance (Lark) in place of a schema. */
  grammar?: string;
  playerId?: string;
  /** Seconds to the end of the text; default: 20. The model ends its sentence shortly before. */
  deadline?: number;
  signal?: AbortSignal;
  /**
   * The line to use if no text comes: a text, or with a schema its value. While the service is
   * away, the version's canned line comes before it, if an earlier answer has brought one. A text
   * that breaks off then ends with what came.
   */
  default?: unknown;
}

/** A text that a model wrote. */
export interface TextAnswer {
  text: string;
  /**
   * stop, length (maxTokens), deadline (ended in time), filtered, canned (a prepared line in
   * its place) or broken_off (the text so far, with `reason`); others may follow.
   */
  finish_reason: string;
  /** The parsed text, if the call had a schema. */
  value: unknown;
  model: string | null;
  version: number | null;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  request_id: string | null;
  warnings: InputWarning[];
  /** Seconds from call to end, including retries. */
  latency: number;
  /** Seconds from call to the first piece; null without one. */
  first_latency: number | null;
  /**
   * Whether no model answered: the text is the version's canned line, known from an earlier
   * answer, or the caller's default.
   */
  is_default: boolean;
  source: "service" | "default";
  /** Why the default was used or the text broke off: the error's name and message. */
  reason: string | null;
  /** The whole answer, including fields unknown to this SDK. */
  raw: Json;
}

/** The fields of a request for a text; throws ConfigError. */
export function sayBody(input: SayInput, given: SayOptions): { body: Json; deadline: number } {
  const deadline = given.deadline ?? DEADLINE;
  if (!(deadline > 0 && deadline <= 86_400)) {
    throw new ConfigError(`a deadline is more than 0 seconds and at most a day, not ${deadline}`);
  }
  if (given.schema != null && given.grammar != null) {
    throw new ConfigError("pass schema or grammar, not both");
  }
  const options: Json = {
    max_tokens: given.maxTokens, temperature: given.temperature, top_p: given.topP, seed: given.seed,
    stop: typeof given.stop === "string" ? [given.stop] : given.stop,
    schema: given.schema, grammar: given.grammar,
    deadline_ms: Math.max(Math.round(deadline * SHARE * 1000), 1), stream: true,
  };
  for (const name of Object.keys(options)) if (options[name] == null) delete options[name];
  const body: Json = { input: inputOf(input), options };
  if (given.playerId !== undefined) body["player_id"] = given.playerId;
  return { body, deadline };
}

function inputOf(input: unknown): Json {
  if (typeof input === "string") return { prompt: input };
  if (Array.isArray(input)) return { messages: input };
  if (typeof input === "object" && input !== null) return { context: input };
  throw new ConfigError(`expected a prompt, a list of messages or an object of slots, not ${typeof input}`);
}

/**
 * A text that is being written. `for await` gets its pieces; a frame calls `take`; `wait`
 * resolves to the answer. Leaving `for await` early, or `cancel`, ends the request.
 */
export class TextStream implements AsyncIterableIterator<string> {
  readonly #events: EventStream;
  readonly #fallback: { default: unknown } | null;
  readonly #hasFormat: boolean;
  readonly #lines: Map<string, string>;
  readonly #version: string;
  readonly #clock: () => number;
  readonly #start: number;
  #text = "";
  #new: string[] = [];
  #first: number | null = null;
  #answer: TextAnswer | null = null;
  #error: HotseatError | null = null;
  #wake: (() => void)[] = [];

  /** @internal */
  constructor(events: EventStream, given: SayOptions, lines: Map<string, string>, clock: () => number) {
    this.#events = events;
    this.#lines = lines;
    this.#version = JSON.stringify([given.model, given.version]);
    this.#fallback = given.default === undefined ? null : { default: given.default };
    this.#hasFormat = given.schema != null || given.grammar != null;
    this.#clock = clock;
    this.#start = clock();
    void this.#pump();
  }

  /** The text so far; it stays when the stream breaks off. */
  get text(): string {
    return this.#text;
  }

  /** Whether the text has ended or failed. */
  ready(): boolean {
    return this.#answer !== null || this.#error !== null;
  }

  /** The text that came since the last look, "" if none did: for frames, which do not wait. */
  take(): string {
    return this.#new.splice(0).join("");
  }

  /** The answer, else the default; throws without either. */
  result(fallback?: { default: unknown }): TextAnswer {
    if (this.#answer) return this.#answer;
    const error = this.#error ?? new NotReadyError("the text has not ended");
    if (fallback) return standIn(fallback.default, 0, error);
    throw error;
  }

  /** Wait for the whole text; throws HotseatError. */
  async wait(): Promise<TextAnswer> {
    while (!this.ready()) await this.#change();
    return this.result();
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    while (!this.#new.length && !this.ready()) await this.#change();
    const value = this.#new.shift();
    if (value !== undefined) return { value, done: false };
    if (this.#error && !(this.#error instanceof CancelledError)) throw this.#error;
    return { value: undefined, done: true };
  }

  /** End the text, as leaving `for await` does. */
  async return(): Promise<IteratorResult<string, undefined>> {
    this.cancel();
    this.#new = [];
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** End the text; the service stops, too. Returns whether it was open. */
  cancel(): boolean {
    const open = !this.ready();
    if (open) this.#error = new CancelledError("the text was cancelled");
    this.#events.cancel();
    this.#rouse();
    return open;
  }

  async #pump(): Promise<void> {
    try {
      for await (const event of this.#events) {
        if (this.ready()) continue; // to the stream's end: the connection is used again
        this.#read(event);
        this.#rouse();
      }
      if (!this.ready()) throw new TransportError("the text ended without its last event");
    } catch (error) {
      if (!this.ready()) this.#fail(error instanceof HotseatError ? error : new TransportError(String(error)));
    }
    this.#rouse();
  }

  #read(event: ServerEvent): void {
    if (event.name === "token") {
      const { text } = fields(event);
      if (typeof text !== "string") throw strange("has a token without a text");
      this.#add(text);
    } else if (event.name === "done") {
      const answer = textAnswer(fields(event), this.#seconds());
      if (answer.text.startsWith(this.#text)) this.#add(answer.text.slice(this.#text.length));
      this.#text = answer.text;
      const { canned } = answer.raw;
      if (typeof canned === "string" && this.#lines.size < LINES) this.#lines.set(this.#version, canned);
      this.#answer = { ...answer, first_latency: this.#first };
    } else if (event.name === "error") {
      const problem = fields(event);
      const { status } = problem;
      read({ status: typeof status === "number" && status >= 400 ? status : 500, headers: {}, body: event.data });
    }
  }

  #add(piece: string): void {
    if (!piece) return;
    this.#first ??= this.#seconds();
    this.#text += piece;
    this.#new.push(piece);
  }

  #fail(error: HotseatError): void {
    const latency = this.#seconds();
    const line = isAway(error) && !this.#hasFormat ? this.#lines.get(this.#version) : undefined;
    const fallback = line === undefined ? this.#fallback : { default: line };
    if (!fallback || error instanceof ConfigError || error instanceof CancelledError) {
      this.#error = error;
    } else if (this.#text && !this.#hasFormat) {
      this.#answer = {
        ...EMPTY, text: this.#text, finish_reason: "broken_off", latency, first_latency: this.#first,
        reason: `${error.name}: ${error.message}`,
      };
    } else {
      const answer = standIn(fallback.default, latency, error);
      if (!this.#text) this.#add(answer.text);
      this.#text = answer.text;
      this.#answer = answer;
    }
  }

  #seconds(): number {
    return this.#clock() - this.#start;
  }

  #change(): Promise<void> {
    return new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  #rouse(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

const EMPTY: TextAnswer = {
  text: "", finish_reason: "", value: null, model: null, version: null, prompt_tokens: null,
  completion_tokens: null, request_id: null, warnings: [], latency: 0, first_latency: null,
  is_default: false, source: "service", reason: null, raw: {},
};

function textAnswer(answer: Json, latency: number): TextAnswer {
  const { text, finish_reason, usage } = answer;
  if (typeof text !== "string" || typeof finish_reason !== "string") {
    throw strange("has an end without text and finish_reason");
  }
  const counts = (typeof usage === "object" && usage !== null ? usage : {}) as Json;
  const number = (value: unknown) => (typeof value === "number" ? value : null);
  const word = (value: unknown) => (typeof value === "string" ? value : null);
  return {
    ...EMPTY, text, finish_reason, value: answer["value"] ?? null, model: word(answer["model"]),
    version: number(answer["version"]), prompt_tokens: number(counts["prompt_tokens"]),
    completion_tokens: number(counts["completion_tokens"]), request_id: word(answer["request_id"]),
    warnings: warningsOf(answer["warnings"]), latency, raw: answer,
  };
}

function standIn(value: unknown, latency: number, error: HotseatError): TextAnswer {
  const isText = typeof value === "string";
  return {
    ...EMPTY, text: isText ? value : JSON.stringify(value), value: isText ? null : value,
    finish_reason: "canned", latency, is_default: true, source: "default",
    reason: `${error.name}: ${error.message}`,
  };
}

function fields(event: ServerEvent): Json {
  let found: unknown = null;
  try {
    found = JSON.parse(event.data);
  } catch { /* refused below */ }
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as Json;
  throw strange(`has an event ${event.name} that is no JSON object`);
}
