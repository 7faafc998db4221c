/** The state of one client: the service's address, its keys and the rules of a call. */

import type { Json } from "./answer.js";
import { read, requestId } from "./answer.js";
import { base } from "./address.js";
import {
  AuthError, CancelledError, CircuitOpenError, ConfigError, DeadlineError, HotseatError,
  StatusError, TokenError, TransportError,
} from "./errors.js";
import { CircuitBreakers } from "./circuit-breaker.js";
import { away, mayRetry, pause } from "./retry.js";
import { type Met, type Request, type Transport, over, reason, within } from "./transport.js";

/** A finished call, as the argument of a hook. */
export interface Call {
  path: string;
  tries: number;
  seconds: number;
  /** Status of the last response; 0 without a response. */
  status: number;
  /** Name of the error; empty on success. */
  error: string;
}

export interface ServiceOptions {
  /** Default: the address of `hotseat serve`. */
  baseUrl?: string;
  /** Time limit of a call in seconds, including connecting and retries; default: 2. */
  deadline?: number;
  /** A key, or a function that returns a player's short-lived token for each call. */
  apiKey?: string | (() => string | Promise<string>);
  /** Replaces the platform's fetch, for example with Electron's. */
  fetch?: typeof fetch;
  transport?: Transport;
  /** Called after every call; its errors are logged, not thrown. */
  hook?: (call: Call) => void;
  /** The most retries of a call; default: as many as deadline and budget allow. */
  retries?: number;
  /** Gets a line for each try, without keys and inputs; Node: HOTSEAT_LOG=debug. */
  log?: (line: string) => void;
  /** Seconds; monotonic. */
  clock?: () => number;
  sleep?: (seconds: number) => Promise<void>;
  random?: () => number;
}

/** Options of one call. */
export interface CallOptions {
  /** Time limit in seconds, including connecting and retries. */
  deadline?: number | undefined;
  signal?: AbortSignal | undefined;
}

export class Service {
  readonly baseUrl: string;
  readonly clock: () => number;
  readonly breakers: CircuitBreakers;
  readonly #given: ServiceOptions;
  readonly deadline: number;
  readonly #key: ServiceOptions["apiKey"];
  readonly #transport: Transport;
  readonly #log: ((line: string) => void) | undefined;
  #closing = new AbortController();
  readonly #sleep: (seconds: number) => Promise<void>;
  readonly #random: () => number;

  /** Shares the circuit breakers of another service, if given. */
  constructor(given: ServiceOptions, shared?: Service) {
    this.#given = given;
    this.baseUrl = base(given.baseUrl ?? "http://localhost:8080");
    this.clock = given.clock ?? seconds;
    this.breakers = shared?.breakers ?? new CircuitBreakers(this.clock);
    const { retries } = given;
    if (retries !== undefined && !(retries >= 0)) throw new ConfigError("retries is 0 or more");
    this.deadline = positive(given.deadline ?? 2);
    this.#key = typeof given.apiKey === "string" ? sendable(given.apiKey) : given.apiKey;
    // look up fetch at each call: a page may replace it
    this.#transport = given.transport ?? over(given.fetch ?? ((...args) => fetch(...args)));
    this.#log = given.log ?? (environment("HOTSEAT_LOG") ? console.error : undefined);
    this.#sleep =
      given.sleep ?? ((s) => new Promise((resolve) => setTimeout(resolve, 1000 * s)));
    this.#random = given.random ?? Math.random;
  }

  /** Send until an answer, a final error or the deadline. */
  async call<T = Json>(
    method: string, path: string, body: Json | null, given: CallOptions,
    headers: Record<string, string> = {}, understand: (met: Met) => T = read as (met: Met) => T,
    onPiece?: (piece: Uint8Array) => void,
  ): Promise<T> {
    const start = this.clock();
    const allowed = positive(given.deadline ?? this.deadline);
    const call = { path, tries: 0, seconds: 0, status: 0, error: "" };
    const breaker = this.breakers.of(path);
    let pending = false; // whether the circuit breaker waits for the outcome of this call
    const record = (error: HotseatError | null) => {
      pending = false;
      if (error && (error instanceof TokenError || error instanceof CancelledError)) breaker.gaveUp();
      else if (error && away(error)) breaker.failed(shareOf(error, allowed / this.deadline));
      else breaker.succeeded();
    };
    const ending = joined(given.signal, this.#closing.signal);
    try {
      pending = breaker.admit();
      if (!pending) {
        throw new CircuitOpenError(`${path}: the service failed often; the circuit breaker is open`);
      }
      const request = this.#request(method, path, body, headers);
      let begun = false; // a stream that has begun is not begun again
      if (onPiece) {
        request.onPiece = (piece) => {
          begun = true;
          onPiece(piece);
        };
      }
      const { signal } = ending;
      const may = () => !begun && breaker.mayRetry();
      return await this.#tries(request, signal, start + allowed, call, record, may, understand);
    } catch (error) {
      call.error = error instanceof Error ? error.name : "Error";
      if (pending) breaker.gaveUp();
      throw error;
    } finally {
      ending.release();
      call.seconds = this.clock() - start;
      try {
        this.#given.hook?.(call);
      } catch (error) { // a failing hook must not stop the game; its text may hold a secret
        console.warn(`hotseat: the hook failed: ${(error as Error)?.name}`);
      }
    }
  }

  /** End all calls under way with CancelledError; later calls work. */
  close(): void {
    this.#closing.abort();
    this.#closing = new AbortController();
  }

  /** The same service with other options, over the same circuit breakers. */
  withOptions(options: { deadline?: number; retries?: number }): Service {
    return new Service({ ...this.#given, ...options }, this);
  }

  async #tries<T>(
    request: Request, signal: AbortSignal, end: number, call: Call,
    record: (error: HotseatError | null) => void, mayTakeRetry: () => boolean,
    understand: (met: Met) => T,
  ): Promise<T> {
    const { path } = call;
    let renewed = false;
    for (;;) {
      const left = end - this.clock();
      if (left <= 0) throw new DeadlineError(`${path}: the deadline passed`);
      if (signal.aborted) throw new CancelledError(`${path}: the call was cancelled`);
      call.tries += 1;
      try {
        await this.#sign(request, left, signal);
        // lets the service stop at the caller's deadline
        request.headers["deadline-ms"] = String(Math.max(Math.round(1000 * (end - this.clock())), 1));
        const met = await this.#transport(request, end - this.clock(), signal);
        call.status = met.status;
        const answer = understood(met, understand);
        record(null);
        this.#log?.(`hotseat ${request.method} ${path}: ${met.status}`);
        return answer;
      } catch (error) {
        // an error of a custom transport must not stop the game
        const known = error instanceof HotseatError ? error : new TransportError(reason(error));
        this.#log?.(`hotseat ${request.method} ${path}: ${known.name}: ${known.message}`);
        record(known);
        if (known instanceof AuthError && known.status === 401 && !renewed) {
          renewed = typeof this.#key === "function";
          if (renewed) continue; // the token may have expired: at once, with a new one
        }
        const wait = pause(call.tries - 1, this.#random(), known);
        const again = mayRetry(known) && this.clock() + wait < end &&
          call.tries <= (this.#given.retries ?? Infinity);
        if (!again || !mayTakeRetry()) throw known;
        await this.#wait(wait, signal);
      }
    }
  }

  async #wait(seconds: number, signal: AbortSignal): Promise<void> {
    await Promise.race([
      this.#sleep(seconds),
      new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
      }),
    ]);
  }

  #request(
    method: string, path: string, body: Json | null, more: Record<string, string>,
  ): Request {
    const headers: Record<string, string> = { accept: "application/json", ...more };
    const url = this.baseUrl + path;
    if (body === null) return { method, url, headers, body: null };
    headers["content-type"] = "application/json";
    // the same for every try of a call, so that the service counts it once
    headers["idempotency-key"] = fresh();
    try {
      return { method, url, headers, body: JSON.stringify(body) };
    } catch (error) {
      throw new ConfigError(`the input is not JSON: ${reason(error)}`);
    }
  }

  /** Add the key or the player's token to a request. */
  async #sign(
    request: Request, seconds: number, signal: AbortSignal | undefined,
  ): Promise<void> {
    const key = this.#key;
    if (typeof key === "string") {
      if (key) request.headers["x-api-key"] = key;
    } else if (key) {
      const token: unknown = await within(seconds, signal, async () => {
        try {
          return await key();
        } catch (error) {
          if (error instanceof HotseatError) throw error;
          // its text may hold a secret
          throw new TokenError(`no key: ${(error as Error)?.name ?? "an error"} in apiKey`);
        }
      });
      if (typeof token !== "string") {
        throw new ConfigError(`apiKey returned ${typeof token}, not a token's text`);
      }
      request.headers["authorization"] = `Bearer ${sendable(token)}`;
    }
  }
}

/** Return a unique id; older runtimes have no crypto (Node 18, React Native). */
function fresh(): string {
  const bytes = new Uint8Array(16);
  const { crypto } = globalThis as { crypto?: Crypto };
  if (crypto) crypto.getRandomValues(bytes);
  else bytes.forEach((_, at) => (bytes[at] = 256 * Math.random())); // unique, not secret
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function seconds(): number {
  return (globalThis.performance?.now?.() ?? Date.now()) / 1000;
}

function environment(name: string): string | undefined {
  return typeof process === "undefined" ? undefined : process.env?.[name];
}

/** Run a parser; its error gets the id of the request. */
function understood<T>(met: Met, understand: (met: Met) => T): T {
  try {
    return understand(met);
  } catch (error) {
    if (error instanceof HotseatError) error.request_id ||= requestId(met);
    throw error;
  }
}

/** What a missed deadline says about the service: its share of the client's own. */
function shareOf(error: HotseatError, share: number): number {
  const late = error instanceof DeadlineError ||
    (error instanceof StatusError && error.status === 504 && error.code === "deadline_exceeded");
  return late ? Math.min(share, 1) : 1;
}

/** A signal that is aborted with the first of two; `release` it afterwards. */
function joined(one: AbortSignal | undefined, other: AbortSignal) {
  const both = new AbortController();
  const abort = () => both.abort();
  const signals = one ? [one, other] : [other];
  for (const each of signals) {
    if (each.aborted) abort();
    each.addEventListener("abort", abort);
  }
  const release = () => {
    for (const each of signals) each.removeEventListener("abort", abort);
  };
  return { signal: both.signal, release };
}

function positive(seconds: number): number {
  if (seconds > 0 && seconds <= 86_400) return seconds;
  throw new ConfigError(`a deadline is more than 0 seconds and at most a day, not ${seconds}`);
}

function sendable(key: string): string {
  if (/^[\x20-\x7e]*$/.test(key)) return key;
  throw new ConfigError("apiKey has a character that is not valid in a header: a line break?");
}
