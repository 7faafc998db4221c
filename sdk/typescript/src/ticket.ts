/** Answers that a game loop does not wait for: many of one frame in one request. */

import { type Prediction, standIn } from "./answer.js";
import { CancelledError, HotseatError, NotReadyError, StatusError } from "./errors.js";

/** What has to be the same for inputs to go in one request. */
export interface Question {
  model?: string;
  version?: number | string;
  options?: Record<string, unknown>;
  playerId?: string;
  deadline?: number;
}

export type Ask = (inputs: unknown[], question: Question) => Promise<Prediction[]>;

/** The place of an answer that is on its way. */
export class Ticket {
  private answer: Prediction | null = null;
  private error: HotseatError | null = null;
  private wake: (() => void)[] = [];

  /** Whether the answer, or the error, is there. */
  ready(): boolean {
    return this.answer !== null || this.error !== null;
  }

  /** The answer; the default, where one is given and none is there; else throws. */
  result(fallback?: { default: unknown }): Prediction {
    if (this.answer) return this.answer;
    if (fallback) return standIn(fallback.default, 0);
    throw this.error ?? new NotReadyError("the answer is not there yet");
  }

  /** Wait for the answer: for menus and loading screens, not for frames. */
  async wait(): Promise<Prediction> {
    if (!this.ready()) await new Promise<void>((resolve) => this.wake.push(resolve));
    return this.result();
  }

  /** Let the answer go; whether it was still open. */
  cancel(): boolean {
    return this.settle(null, new CancelledError("the ticket was cancelled"));
  }

  /** @internal */
  settle(answer: Prediction | null, error: HotseatError | null): boolean {
    if (this.ready()) return false;
    this.answer = answer;
    this.error = error;
    for (const wake of this.wake) wake();
    return true;
  }
}

type Item = { input: unknown; ticket: Ticket };

/** Collects tickets and has them answered, many in one request. */
export class Desk {
  private readonly groups = new Map<string, { question: Question; items: Item[] }>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(
    private readonly ask: Ask,
    private readonly windowMs = 4,
    private readonly batch = 64,
  ) {}

  submit(input: unknown, question: Question): Ticket {
    const ticket = new Ticket();
    if (this.closed) {
      ticket.settle(null, new CancelledError("the client was closed"));
      return ticket;
    }
    const key = JSON.stringify(question, Object.keys(question).sort());
    const group = this.groups.get(key) ?? { question, items: [] };
    group.items.push({ input, ticket });
    this.groups.set(key, group);
    this.timer ??= setTimeout(() => this.flush(), this.windowMs);
    return ticket;
  }

  close(): void {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    for (const { items } of this.groups.values()) {
      for (const { ticket } of items) {
        ticket.settle(null, new CancelledError("the client was closed"));
      }
    }
    this.groups.clear();
  }

  private flush(): void {
    this.timer = null;
    const groups = [...this.groups.values()];
    this.groups.clear();
    for (const { question, items } of groups) {
      const open = items.filter(({ ticket }) => !ticket.ready());
      for (let at = 0; at < open.length; at += this.batch) {
        void this.answer(open.slice(at, at + this.batch), question);
      }
    }
  }

  private async answer(items: Item[], question: Question): Promise<void> {
    try {
      const found = await this.ask(items.map(({ input }) => input), question);
      items.forEach(({ ticket }, at) => ticket.settle(found[at] ?? null, null));
    } catch (error) {
      const pointed = error instanceof StatusError && error.pointer !== null;
      if (items.length > 1 && pointed) {
        // one input is wrong: the others must not suffer for it
        await Promise.all(items.map((item) => this.answer([item], question)));
        return;
      }
      const known = error instanceof HotseatError ? error : new HotseatError(String(error));
      for (const { ticket } of items) ticket.settle(null, known);
    }
  }
}
