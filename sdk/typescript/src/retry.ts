/** Retry rules, without a clock or a network. */

import { StatusError, TransportError, type HotseatError } from "./errors.js";

const FIRST = 0.05;
const LARGEST = 1;

/** Whether the same request may succeed later. */
export function mayRetry(error: HotseatError): boolean {
  if (error instanceof StatusError) return error.retryable;
  // subclasses are final: a deadline, an open circuit, a cancelled call
  return error.constructor === TransportError;
}

/** Seconds to wait after attempt 0, 1, 2 ...; `random` is in [0, 1). */
export function pause(attempt: number, random: number, error: HotseatError): number {
  const jittered = random * Math.min(LARGEST, FIRST * 2 ** attempt);
  const least = error instanceof StatusError ? (error.retry_after ?? 0) : 0;
  return Math.max(least, jittered); // a 0 must not cause a retry storm
}

/** Whether an error shows that the service is unavailable, rather than refusing a request. */
export function away(error: HotseatError): boolean {
  return error instanceof StatusError ? error.status >= 500 || error.is_foreign : true;
}
