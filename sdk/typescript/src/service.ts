/** The state of one client: the service's address, its keys and the rules of a call. */

import type { Json } from "./answer.js";
import { read } from "./answer.js";
import { base } from "./address.js";
import {
  CancelledError, CircuitOpenError, ConfigError, DeadlineError, HotseatError, StatusError,
  TransportError,
} from "./errors.js";
import { CircuitBreaker } from "./circuit-breaker.js";
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
  hook?: (call: Call) => void;
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
  readonly breaker: CircuitBreaker;
  readonly #deadline: number;
  readonly #key: ServiceOptions["apiKey"];
  readonly #transport: Transport;
  readonly #hook: ((call: Call) => void) | undefined;
  readonly #sleep: (seconds: number) => Promise<void>;
  readonly #random: () => number;

  constructor(given: ServiceOptions) {
    this.baseUrl = base(given.baseUrl ?? "http://localhost:8080");
    this.clock = given.clock ?? (() => performance.now() / 1000);
    this.breaker = new CircuitBreaker(this.clock);
    this.#deadline = positive(given.deadline ?? 2);
    this.#key = typeof given.apiKey === "string" ? sendable(given.apiKey) : given.apiKey;
    // look up fetch at each call: a page may replace it
    this.#transport = given.transport ?? over(given.fetch ?? ((...args) => fetch(...args)));
    this.#hook = given.hook;
    this.#sleep =
      given.sleep ?? ((s) => new Promise((resolve) => setTimeout(resolve, 1000 * s)));
    this.#random = given.random ?? Math.random;
  }

  /** Send until an answer, a final error or the deadline. */
  async call<T = Json>(
    method: string, path: string, body: Json | null, given: CallOptions,
    headers: Record<string, string> = {}, understand: (met: Met) => T = read as (met: Met) => T,
  ): Promise<T> {
    const start = this.clock();
    const allowed = positive(given.deadline ?? this.#deadline);
    const call = { path, tries: 0, seconds: 0, status: 0, error: "" };
    let unheard = false; // whether the circuit breaker waits for the outcome of this call
    const hear = (answered: boolean) => {
      unheard = false;
      if (answered) this.breaker.succeeded();
      else this.breaker.failed();
    };
    try {
      unheard = this.breaker.admit();
      if (!unheard) {
        throw new CircuitOpenError(`${path}: the service failed often; the circuit breaker is open`);
      }
      const request = this.#request(method, path, body, headers);
      await this.#sign(request, allowed, given.signal);
      return await this.#tries(request, given, start + allowed, call, hear, understand);
    } catch (error) {
      call.error = error instanceof Error ? error.name : "Error";
      if (unheard) this.breaker.gaveUp();
      throw error;
    } finally {
      call.seconds = this.clock() - start;
      this.#hook?.(call);
    }
  }

  async #tries<T>(
    request: Request, { signal }: CallOptions, end: number, call: Call,
    hear: (answered: boolean) => void, understand: (met: Met) => T,
  ): Promise<T> {
    for (;;) {
      const left = end - this.clock();
      if (left <= 0) throw new DeadlineError(`${call.path}: the deadline passed`);
      if (signal?.aborted) throw new CancelledError(`${call.path}: the call was cancelled`);
      // lets the service stop at the caller's deadline
      request.headers["deadline-ms"] = String(Math.max(Math.round(1000 * left), 1));
      call.tries += 1;
      try {
        const met = await this.#transport(request, left, signal);
        call.status = met.status;
        const answer = understand(met);
        hear(true);
        return answer;
      } catch (error) {
        // an error of a custom transport must not stop the game
        const known = error instanceof HotseatError ? error : new TransportError(reason(error));
        if (known instanceof CancelledError) throw known;
        hear(!away(known));
        const wait = pause(call.tries - 1, this.#random(), known);
        const again = mayRetry(known) && this.clock() + wait < end;
        if (!again || !this.breaker.mayRetry()) throw known;
        await this.#wait(wait, signal);
      }
    }
  }

  async #wait(seconds: number, signal: AbortSignal | undefined): Promise<void> {
    if (!signal) return this.#sleep(seconds);
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
      const token = await within(seconds, signal, async () => {
        try {
          return await key();
        } catch (error) {
          if (error instanceof HotseatError) throw error;
          throw new TransportError(`apiKey returned no token: ${reason(error)}`);
        }
      });
      request.headers["authorization"] = `Bearer ${sendable(token)}`;
    }
  }
}

/** Return a unique id; randomUUID exists on secure pages only. */
function fresh(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function positive(seconds: number): number {
  if (seconds > 0 && seconds <= 86_400) return seconds;
  throw new ConfigError(`a deadline is more than 0 seconds and at most a day, not ${seconds}`);
}

function sendable(key: string): string {
  if (/^[\x20-\x7e]*$/.test(key)) return key;
  throw new ConfigError("apiKey has a character that is not valid in a header: a line break?");
}
