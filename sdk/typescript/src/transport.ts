/** The transport: sends a request, returns a response or throws TransportError. */

import { CancelledError, DeadlineError, HotseatError, TransportError } from "./errors.js";
import { isEvents } from "./events.js";

/** One HTTP request. */
export interface Request {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string | null;
  /** Wants the body of an answer with events (text/event-stream) as it comes, and `Met`
   * without it. A transport that cannot do so returns the whole. */
  onPiece?: (piece: Uint8Array) => void;
}

/** The outcome of one try. */
export interface Met {
  status: number;
  /** Header names in lower case. */
  headers: Record<string, string>;
  body: string;
  /** The raw bytes, for files. */
  bytes?: ArrayBuffer;
}

/** Sends a request within a time limit in seconds; throws TransportError. */
export type Transport = (
  request: Request, seconds: number, signal?: AbortSignal,
) => Promise<Met>;

/**
 * Requests by a fetch, the platform's or your own: no cookies, no redirects.
 *
 * A browser asks before a request with the SDK's headers (a preflight) and keeps the
 * permission for hours, unless a request forbids its cache. Answers to a POST are not
 * cached, and a GET without a key needs no permission at all.
 */
export const over = (fetching: typeof fetch): Transport => (request, seconds, signal) =>
  within(seconds, signal, async (stop) => {
    try {
      const { method, headers: all, body } = request;
      const { "deadline-ms": _, ...simple } = all;
      const headers = method === "GET" && inBrowser() ? simple : all;
      const answer = await fetching(request.url, {
        method, headers, body, signal: stop,
        credentials: "omit", redirect: "manual",
      });
      const names: Record<string, string> = {};
      answer.headers.forEach((value, name) => (names[name.toLowerCase()] = value));
      if (request.onPiece && answer.body && isEvents(answer.status, names)) {
        const reader = answer.body.getReader();
        for (let next = await reader.read(); !next.done; next = await reader.read()) {
          request.onPiece(next.value);
        }
        return { status: answer.status, headers: names, body: "" };
      }
      if (typeof TextDecoder === "undefined") { // React Native without a polyfill
        return { status: answer.status, headers: names, body: await answer.text() };
      }
      const bytes = await answer.arrayBuffer();
      return { status: answer.status, headers: names, body: new TextDecoder().decode(bytes), bytes };
    } catch (error) {
      throw new TransportError(`${request.url} cannot be reached: ${reason(error)}${origins(request.url)}`);
    }
  });

const inBrowser = () => typeof location !== "undefined" && typeof document !== "undefined";

/** What to set if the service does not allow the page: a browser hides that reason. */
function origins(url: string): string {
  if (!inBrowser() || url.startsWith(`${location.origin}/`)) return "";
  return (
    `; if it runs, it may not allow this page: serve with HOTSEAT_ORIGINS=${location.origin}, ` +
    "and list the service in the page's connect-src if it has a Content-Security-Policy"
  );
}

/**
 * Run a function with a time limit in seconds, and abort it afterwards.
 *
 * Throws DeadlineError at the limit, CancelledError if `signal` came first.
 */
export function within<T>(
  seconds: number, signal: AbortSignal | undefined, act: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const over = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    };
    const end = (error: HotseatError) => {
      over();
      reject(error);
      stop.abort();
    };
    const cancel = () => end(new CancelledError("the call was cancelled"));
    const timer = setTimeout(
      () => end(new DeadlineError(`no answer within ${Number(seconds.toPrecision(3))} s`)),
      Math.max(1000 * seconds, 0),
    );
    if (signal?.aborted) return cancel();
    signal?.addEventListener("abort", cancel);
    act(stop.signal).then(resolve, reject).finally(over);
  });
}

/** Return an error's message with its cause, in which fetch often hides the reason. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
