/** The client of a model service. */

import * as answers from "./answer.js";
import type { Json, Model, Prediction } from "./answer.js";
import { withBase64 } from "./base64.js";
import { part, pathOf } from "./address.js";
import { Cache } from "./cache.js";
import {
  CancelledError, ConfigError, HotseatError, isAway, StatusError,
} from "./errors.js";
import { EventStream, opened } from "./events.js";
import { plain } from "./json.js";
import { type CallOptions, Service, type ServiceOptions } from "./service.js";
import { sayBody, type SayInput, type SayOptions, TextStream } from "./text.js";
import { Batcher, type InferenceRequest, type Ticket } from "./ticket.js";

export interface ClientOptions extends ServiceOptions {
  /** Seconds of submitted inputs in one request; default: 0.004. */
  window?: number;
  /** Inputs in one such request; default: 64. */
  batch?: number;
  /** Lifetime of cached classifications and regressions in seconds; default: 0. */
  cacheSeconds?: number;
  /** Runs versions on this device: `new Device()` of `hotseat/offline`. */
  offline?: Offline;
}

/** Options of a request: its model, its time limit and its default. */
export interface AskOptions extends InferenceRequest {
  signal?: AbortSignal;
  /** Returned if no answer comes; bad input still throws. */
  default?: unknown;
}

/** Options of a policy. */
export interface ChooseOptions {
  model: string;
  /** One of the model's strengths. */
  level?: string;
  /** 0 takes the best; 1 follows the probabilities. */
  temperature?: number;
  seed?: number;
  /** The legal actions. */
  legal?: (string | number)[];
}

/** A version on this device. */
export interface OfflineModel {
  readonly model: string;
  readonly version: number;
  readonly variant: string;
  /** Whether the service confirmed it now; if not, the last verified download. */
  readonly is_current: boolean;
  /** Whether it is the requested version or alias. */
  fits(version: number | string | undefined): boolean;
  /** Predict some inputs, as the service does; throws HotseatError. */
  predict(inputs: unknown[], options: Record<string, unknown>): Promise<Prediction[]>;
}

/** @deprecated Use `OfflineModel`; this name goes with the next release. */
export type Twin = OfflineModel;

/** Runs versions on this device. */
export interface Offline {
  download(service: Service, reference: string, given: CallOptions): Promise<OfflineModel>;
}

interface Shared {
  service: Service;
  cache: Cache;
  offlineModels: Map<string, OfflineModel>;
  /** The canned lines of versions, as their answers have brought them. */
  lines: Map<string, string>;
}

/** A client of a model service. */
export class ModelServiceClient {
  readonly #service: Service;
  readonly #batcher: Batcher;
  readonly #cache: Cache;
  readonly #offline: Offline | undefined;
  readonly #offlineModels: Map<string, OfflineModel>;
  readonly #lines: Map<string, string>;
  readonly #following = new Map<string, ReturnType<typeof setInterval>>();

  readonly #given: ClientOptions;

  constructor(given?: ClientOptions);
  /** @internal */
  constructor(given: ClientOptions, shared: Shared | undefined);
  constructor(given: ClientOptions = {}, shared?: Shared) {
    this.#given = given;
    this.#service = shared?.service ?? new Service(given);
    this.#cache = shared?.cache ?? new Cache(given.cacheSeconds ?? 0, this.#service.clock);
    this.#offline = given.offline;
    this.#offlineModels = shared?.offlineModels ?? new Map();
    this.#lines = shared?.lines ?? new Map();
    const ask = (inputs: unknown[], request: InferenceRequest) => this.predictMany(inputs, request);
    this.#batcher = new Batcher(ask, given.window, given.batch);
  }

  /** The base URL of the service. */
  get baseUrl(): string {
    return this.#service.baseUrl;
  }

  /** The number of times the circuit breaker opened because the service failed. */
  get circuitOpenedCount(): number {
    return this.#service.breakers.openedCount;
  }

  /** @deprecated Use `circuitOpenedCount`; this name goes with the next release. */
  get openings(): number {
    return this.circuitOpenedCount;
  }

  /**
   * A client with another time limit or number of retries; it shares cache, circuit
   * breakers and downloads.
   */
  withOptions(options: { deadline?: number; retries?: number }): ModelServiceClient {
    return new ModelServiceClient({ ...this.#given, ...options }, {
      service: this.#service.withOptions(options),
      cache: this.#cache,
      offlineModels: this.#offlineModels,
      lines: this.#lines,
    });
  }

  /**
   * Predict one input: a text, the bytes of an image, named features, a board. Throws
   * HotseatError.
   */
  async predict(input: unknown, given: AskOptions = {}): Promise<Prediction> {
    input = withBase64(input);
    const isText = given.model === undefined && typeof input === "string";
    return this.#one("predict", isText ? "text" : "input", input, given);
  }

  /** Predict many inputs in one request; answers keep their order. */
  async predictMany(inputs: unknown[], given: AskOptions = {}): Promise<Prediction[]> {
    if (!Array.isArray(inputs)) throw new ConfigError("inputs is a list: use predict for one");
    const rows = inputs.map(withBase64);
    return this.#answers("predict", rows, given, (open) => ({ inputs: open }));
  }

  /** Explain a prediction: return it with `parts` and their weights. */
  async explain(input: unknown, given: AskOptions & { model: string }): Promise<Prediction> {
    return this.#one("explain", "input", input, given);
  }

  /** Choose a policy's action; a default is the action to use if no answer comes. */
  async choose(board: unknown, given: AskOptions & ChooseOptions): Promise<Prediction> {
    const [input, options] = position(board, given);
    return this.#one("predict", "input", input, { ...given, options });
  }

  /** Generate an item; the same seed and wishes repeat it. */
  async generate(
    wishes: Record<string, unknown> = {},
    given: AskOptions & { model: string; seed?: number },
  ): Promise<Prediction> {
    const options = defined({ ...given.options, seed: given.seed });
    return this.#one("predict", "input", wishes, { ...given, options });
  }

  /** Submit an input without waiting; return a ticket to check in later frames. */
  submit(input: unknown, request: InferenceRequest = {}): Ticket {
    return this.#batcher.submit(withBase64(input), request);
  }

  /** Submit a board; the ticket's answer is that of `choose`. */
  submitChoose(board: unknown, given: InferenceRequest & ChooseOptions): Ticket {
    const [input, options] = position(board, given);
    return this.#batcher.submit(input, { ...requestOf(given), options });
  }

  /** Submit wishes; the ticket's answer is that of `generate`. */
  submitGenerate(
    wishes: Record<string, unknown>, given: InferenceRequest & { model: string; seed?: number },
  ): Ticket {
    const options = defined({ ...given.options, seed: given.seed });
    return this.#batcher.submit(wishes, { ...requestOf(given), options });
  }

  /** Submit an input; the ticket's answer is that of `explain`. */
  submitExplain(input: unknown, given: InferenceRequest & { model: string }): Ticket {
    return this.#batcher.alone(() => this.explain(input, given));
  }

  /**
   * Ask a model for server-sent events: `verb` such as "generate", and the fields of the
   * request. The deadline counts to the end of the stream. A start that fails is retried, a
   * stream that has begun is not. `say` is for texts.
   */
  stream(
    verb: string, body: Record<string, unknown>,
    given: CallOptions & { model: string; version?: number | string },
  ): EventStream {
    const path = pathOf(verb, given.model, given.version);
    return new EventStream(async (deliver, signal) => {
      const { deadline } = given;
      const end = () => abort.abort();
      const abort = new AbortController();
      for (const one of [signal, given.signal]) one?.addEventListener("abort", end);
      if (given.signal?.aborted) end();
      try {
        await this.#service.call(
          "POST", path, plain(body, "") as Json, { deadline, signal: abort.signal },
          { accept: "text/event-stream" }, (met) => opened(met, deliver), deliver,
        );
      } finally {
        given.signal?.removeEventListener("abort", end);
      }
    });
  }

  /**
   * Let a model write a text, of the slots of its version's template, a prompt or messages:
   * `for await` gets the pieces, a frame calls `take`, `wait` resolves to the answer.
   */
  say(input: SayInput, given: SayOptions): TextStream {
    const { body, deadline } = sayBody(input, given);
    return new TextStream(
      this.stream("generate", body, { ...given, deadline }), given,
      this.#lines, this.#service.clock,
    );
  }

  /** The service's catalogue. */
  async models(given: CallOptions = {}): Promise<Model[]> {
    return answers.models(await this.#service.call("GET", "/v1/models", null, given));
  }

  /** One model with its signature and card. */
  async card(model: string, given: CallOptions = {}): Promise<Model> {
    const path = `/v1/models/${part(model)}`;
    return answers.model(await this.#service.call("GET", path, null, given));
  }

  /** Whether the service answers and has a model loaded. */
  async ready(given: CallOptions = {}): Promise<boolean> {
    try {
      const answer = await this.#service.call("GET", "/v2/health/ready", null, given);
      return answer["ready"] === true;
    } catch {
      return false;
    }
  }

  /**
   * Download a version, `connect-four#live`, for answers while the service is away.
   *
   * For a loading screen: it waits until the version is downloaded, verified and warm. If
   * the service is unavailable, it opens the stored version. Afterwards it refreshes the
   * alias in the background every `refresh` seconds (default: 60; 0: never). Throws
   * HotseatError.
   */
  async download(
    reference: string, given: CallOptions & { refresh?: number } = {},
  ): Promise<OfflineModel> {
    const device = this.#offline;
    if (!device) {
      throw new ConfigError("no device: pass offline, a Device of hotseat/offline");
    }
    const { refresh = 60, deadline = 60, signal } = given;
    const bring = async () => {
      const local = await device.download(this.#service, reference, { deadline, signal });
      this.#offlineModels.set(local.model, local);
      return local;
    };
    const local = await bring();
    clearInterval(this.#following.get(reference));
    if (refresh) {
      const timer = setInterval(() => void bring().catch(() => {}), 1000 * refresh);
      (timer as { unref?: () => void }).unref?.(); // the timer keeps no process of Node alive
      this.#following.set(reference, timer);
    }
    return local;
  }

  /**
   * Cancel open tickets and calls at once, and stop refreshing aliases. A later call works
   * again: React mounts a component twice.
   */
  close(): void {
    this.#batcher.close();
    this.#service.close();
    for (const timer of this.#following.values()) clearInterval(timer);
  }

  async #one(
    verb: string, name: string, input: unknown, given: AskOptions,
  ): Promise<Prediction> {
    const body = (open: unknown[]) => ({ [name]: open[0] });
    return (await this.#answers(verb, [input], given, body, true))[0]!;
  }

  /** Answer inputs: from the cache, the service, the device, or by the default. */
  async #answers(
    verb: string, raw: unknown[], given: AskOptions,
    body: (open: unknown[]) => Json, single = false,
  ): Promise<Prediction[]> {
    let inputs: unknown[];
    try {
      inputs = raw.map((input, at) => plain(input, single ? "" : `/${at}`));
    } catch (error) {
      return standIns(error, raw, given, 0);
    }
    const start = this.#service.clock();
    const took = () => this.#service.clock() - start;
    // player and deadline do not change the answer
    const asked = defined({ model: given.model, version: given.version, options: given.options });
    const cached = verb === "predict" ? this.#cache : null;
    const kept = inputs.map((input) => cached?.get(asked, input) ?? null);
    const open = inputs.filter((_, at) => !kept[at]);
    let fresh: Prediction[] = [];
    try {
      if (open.length || !inputs.length) {
        const path = pathOf(verb, given.model, given.version);
        const sent = { ...body(open), ...extras(given) };
        const answer = await this.#service.call("POST", path, sent, given);
        fresh = single
          ? [answers.prediction(answer, took())]
          : answers.predictions(answer, open.length, took());
        fresh.forEach((found, at) => cached?.put(asked, open[at], found));
      }
    } catch (error) {
      const here = await this.#onDevice(error, verb, open, given);
      fresh = Array.isArray(here) ? here : standIns(here, open, given, took());
    }
    let next = 0;
    return kept.map((found) => found ?? fresh[next++]!);
  }

  /**
   * Answer on the device if the service is unavailable and the device has the version;
   * otherwise return `error`, or the device's error for invalid inputs.
   */
  async #onDevice(
    error: unknown, verb: string, inputs: unknown[], given: AskOptions,
  ): Promise<unknown> {
    const local = this.#offlineModels.get(given.model ?? "");
    if (!local?.fits(given.version) || verb !== "predict" || !isAway(error)) return error;
    try {
      return await local.predict(inputs, given.options ?? {});
    } catch (inner) {
      return inner instanceof StatusError ? inner : error;
    }
  }
}

/** The default for each input; throws `error` if a default may not replace it. */
function standIns(
  error: unknown, inputs: unknown[], given: AskOptions, latency: number,
): Prediction[] {
  const callers =
    !(error instanceof HotseatError) || error instanceof ConfigError ||
    error instanceof CancelledError;
  if (callers || !("default" in given)) throw error;
  return inputs.map(() => answers.standIn(given.default, latency, error as Error));
}

/** The input and options of a policy. */
function position(board: unknown, given: InferenceRequest & ChooseOptions): [Json, Json] {
  const { level, temperature, seed, legal } = given;
  return [defined({ board, legal }), defined({ ...given.options, level, temperature, seed })];
}

function requestOf(given: InferenceRequest): InferenceRequest {
  const { model, version, playerId, deadline } = given;
  return defined({ model, version, playerId, deadline });
}

function extras(given: AskOptions): Json {
  const chosen = given.options && Object.keys(given.options).length ? given.options : undefined;
  return defined({ options: chosen && plain(chosen, "/options"), player_id: given.playerId });
}

function defined(given: Json): Json {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
