/** Server-sent events, read as they come. */

import { read } from "./answer.js";
import { CancelledError, HotseatError, TransportError } from "./errors.js";
import type { Met } from "./transport.js";

/** One event; its name is "message" if the service gave none. */
export interface ServerEvent {
  name: string;
  data: string;
}

/**
 * Parses events however their bytes are cut (WHATWG HTML, "Parsing an event stream"). Keeps
 * no ids: a broken stream is not resumed.
 */
export class EventReader {
  readonly #decoder = typeof TextDecoder === "undefined" ? null : new TextDecoder();
  #line = "";
  #data: string[] = [];
  #name = "";
  #afterReturn = false;

  /** The events that end in some bytes. */
  read(piece: Uint8Array): ServerEvent[] {
    return this.readText(this.#decoder!.decode(piece, { stream: true }));
  }

  /** The events that end in some text. */
  readText(text: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    for (const part of text.split(/(\r|\n)/)) {
      if (part === "\r" || (part === "\n" && !this.#afterReturn)) {
        this.#take(found);
        this.#line = "";
      } else if (part !== "\n") {
        this.#line += part;
      }
      if (part) this.#afterReturn = part === "\r";
    }
    return found;
  }

  #take(found: ServerEvent[]): void {
    if (this.#line === "") {
      if (this.#data.length) found.push({ name: this.#name || "message", data: this.#data.join("\n") });
      this.#data = [];
      this.#name = "";
      return;
    }
    const colon = this.#line.indexOf(":");
    const field = colon < 0 ? this.#line : this.#line.slice(0, colon);
    const value = colon < 0 ? "" : this.#line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#name = value;
  }
}

type Start = (deliver: (piece: Uint8Array | string) => void, signal: AbortSignal) => Promise<void>;

/**
 * The events of an answer. `for await` waits for each, within the call's deadline, and throws
 * HotseatError if the stream breaks off. Leaving it early, or `cancel`, ends the request.
 */
export class EventStream implements AsyncIterableIterator<ServerEvent> {
  readonly #reader = new EventReader();
  readonly #stop = new AbortController();
  #found: ServerEvent[] = [];
  #over = false;
  #error: HotseatError | null = null;
  #wake: (() => void)[] = [];

  /** @internal */
  constructor(start: Start) {
    const deliver = (piece: Uint8Array | string) => {
      const more = typeof piece === "string" ? this.#reader.readText(piece) : this.#reader.read(piece);
      this.#found.push(...more);
      this.#rouse();
    };
    start(deliver, this.#stop.signal).then(
      () => this.#end(null), (error: HotseatError) => this.#end(error),
    );
  }

  /** Whether the stream has ended; events may be left. */
  ready(): boolean {
    return this.#over;
  }

  /** The next event, or null if none has come: for frames, which do not wait. */
  take(): ServerEvent | null {
    return this.#found.shift() ?? null;
  }

  async next(): Promise<IteratorResult<ServerEvent, undefined>> {
    while (!this.#found.length && !this.#over) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    const value = this.#found.shift();
    if (value) return { value, done: false };
    const error = this.#error;
    this.#error = null; // thrown once, as by a generator
    if (error) throw error;
    return { value: undefined, done: true };
  }

  /** End the stream, as leaving `for await` does. */
  async return(): Promise<IteratorResult<ServerEvent, undefined>> {
    this.cancel();
    this.#found = [];
    this.#error = null;
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** End the stream; the service stops, too. Returns whether it was open. */
  cancel(): boolean {
    const open = !this.#over;
    this.#end(new CancelledError("the stream was cancelled"));
    this.#stop.abort();
    return open;
  }

  #end(error: HotseatError | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#rouse();
  }

  #rouse(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** Whether an answer is a stream of events. */
export function isEvents(status: number, headers: Record<string, string>): boolean {
  return status === 200 && (headers["content-type"] ?? "").toLowerCase().startsWith("text/event-stream");
}

/** Check the head of a stream; a transport that cannot stream has the whole body. */
export function opened(met: Met, deliver: (piece: Uint8Array | string) => void): void {
  if (!isEvents(met.status, met.headers)) {
    read(met); // a refusal
    throw new TransportError("the answer is no stream of events: does the model write text?");
  }
  if (met.bytes?.byteLength) deliver(new Uint8Array(met.bytes));
  else if (met.body) deliver(met.body);
}
