/** Tickets: answers without waiting; inputs of one frame share one request. */

import { type Prediction, standIn } from "./answer.js";
import { plain } from "./json.js";
import {
  CancelledError, ConfigError, HotseatError, NotReadyError, StatusError,
} from "./errors.js";

/** The common parts of all inputs of one HTTP request. */
export interface InferenceRequest {
  /** Default: the service's own. */
  model?: string;
  /** A number or an alias; default: live. */
  version?: number | string;
  /** temperature, seed, level. */
  options?: Record<string, unknown>;
  playerId?: string;
  deadline?: number;
}

export type Ask = (inputs: unknown[], request: InferenceRequest) => Promise<Prediction[]>;

/** A pending answer. Only `wait` waits. */
export class Ticket {
  #answer: Prediction | null = null;
  #error: HotseatError | null = null;
  #wake: (() => void)[] = [];

  /** Whether the answer or the error has arrived. */
  ready(): boolean {
    return this.#answer !== null || this.#error !== null;
  }

  /** The answer, else the default; throws without either. */
  result(fallback?: { default: unknown }): Prediction {
    if (this.#answer) return this.#answer;
    const error = this.#error ?? new NotReadyError("the answer has not arrived");
    if (fallback) return standIn(fallback.default, 0, error);
    throw error;
  }

  /** Wait for the answer: for menus and loading screens, not for frames. */
  async wait(): Promise<Prediction> {
    if (!this.ready()) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this.result();
  }

  /** Cancel the ticket; return whether it was still open. */
  cancel(): boolean {
    return this.settle(null, new CancelledError("the ticket was cancelled"));
  }

  /** Set the answer or the error unless one is set; return whether it did. @internal */
  settle(answer: Prediction | null, error: HotseatError | null): boolean {
    if (this.ready()) return false;
    this.#answer = answer;
    this.#error = error;
    for (const wake of this.#wake) wake();
    this.#wake = [];
    return true;
  }
}

type Item = { input: unknown; ticket: Ticket };
type Group = { request: InferenceRequest; items: Item[] };

const SENDERS = 4; // requests under way; waiting inputs share the next one

/** Collects tickets and gets their answers, many in one request. */
export class Batcher {
  readonly #ask: Ask;
  readonly #windowMs: number;
  readonly #batch: number;
  readonly #groups = new Map<string, Group>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #sending = 0;
  #sent = new Set<Ticket>();

  constructor(ask: Ask, seconds = 0.004, batch = 64) {
    if (!(seconds >= 0 && seconds <= 1 && batch >= 1)) {
      throw new ConfigError("window is from 0 to 1 second, batch 1 or more");
    }
    this.#ask = ask;
    this.#windowMs = 1000 * seconds;
    this.#batch = batch;
  }

  submit(input: unknown, request: InferenceRequest): Ticket {
    const ticket = new Ticket();
    try {
      // a copy: the game may change its board afterwards
      const item = { input: plain(input), ticket };
      const key = keyOf(request);
      const group = this.#groups.get(key) ?? { request: { ...request }, items: [] };
      group.items.push(item);
      this.#groups.set(key, group);
    } catch (error) {
      ticket.settle(null, error instanceof HotseatError ? error : new ConfigError(String(error)));
      return ticket;
    }
    this.#timer ??= setTimeout(() => this.#flush(), this.#windowMs);
    return ticket;
  }

  /** A ticket for a call that shares its request with no other. */
  alone(call: () => Promise<Prediction>): Ticket {
    const ticket = new Ticket();
    this.#sent.add(ticket);
    void call()
      .then((answer) => ticket.settle(answer, null), (error) => ticket.settle(null, known(error)))
      .finally(() => this.#sent.delete(ticket));
    return ticket;
  }

  /** Cancel open tickets; later ones are answered. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const waiting = [...this.#groups.values()].flatMap(({ items }) => items);
    for (const ticket of [...this.#sent, ...waiting.map((item) => item.ticket)]) {
      ticket.settle(null, new CancelledError("the client was closed"));
    }
    this.#groups.clear();
  }

  #flush(): void {
    this.#timer = null;
    for (const [key, group] of this.#groups) {
      group.items = group.items.filter(({ ticket }) => !ticket.ready());
      while (group.items.length && this.#sending < SENDERS) {
        void this.#send(group.items.splice(0, this.#batch), group.request);
      }
      if (!group.items.length) this.#groups.delete(key);
    }
  }

  async #send(items: Item[], request: InferenceRequest): Promise<void> {
    this.#sending += 1;
    for (const { ticket } of items) this.#sent.add(ticket);
    await this.#answer(items, request);
    for (const { ticket } of items) this.#sent.delete(ticket);
    this.#sending -= 1;
    if (this.#groups.size && this.#timer === null) this.#flush();
  }

  async #answer(items: Item[], request: InferenceRequest): Promise<void> {
    try {
      const predictions = await this.#ask(items.map(({ input }) => input), request);
      items.forEach(({ ticket }, at) => ticket.settle(predictions[at]!, null));
    } catch (error) {
      const pointed = error instanceof StatusError && error.pointer !== null;
      if (items.length > 1 && pointed) {
        // one input is invalid: send each alone, so that the others succeed
        await Promise.all(items.map((item) => this.#answer([item], request)));
        return;
      }
      for (const { ticket } of items) ticket.settle(null, known(error));
    }
  }
}

function known(error: unknown): HotseatError {
  return error instanceof HotseatError ? error : new HotseatError(String(error));
}

/** Return a key for a request that does not depend on the order of its options. */
export function keyOf(request: InferenceRequest, input?: unknown): string {
  const { model, version, options = {}, playerId, deadline } = request;
  const named = Object.keys(options).sort().map((name) => [name, options[name]]);
  return JSON.stringify([model, version, named, playerId, deadline, input]);
}
