/** All errors of the SDK. See sdk/spec/errors.json. */

export class HotseatError extends Error {
  override name = "HotseatError";
  /** The service's name for the request, for its log; empty if no answer came. */
  request_id = "";
}

/** The client's options or a call's arguments are invalid. */
export class ConfigError extends HotseatError {
  override name = "ConfigError";
}

/** No answer came, or one of another server. */
export class TransportError extends HotseatError {
  override name = "TransportError";
}

/** The deadline passed before an answer came. */
export class DeadlineError extends TransportError {
  override name = "DeadlineError";
}

/** The service failed often: the circuit breaker is open for a moment. */
export class CircuitOpenError extends TransportError {
  override name = "CircuitOpenError";
}

/** The function passed as apiKey failed or took too long. */
export class TokenError extends TransportError {
  override name = "TokenError";
}

/** No trusted key signed the downloaded version. */
export class UntrustedError extends TransportError {
  override name = "UntrustedError";
}

/** The answer of a ticket has not arrived. */
export class NotReadyError extends TransportError {
  override name = "NotReadyError";
}

/** The ticket or the call was cancelled, or its client was closed. */
export class CancelledError extends TransportError {
  override name = "CancelledError";
}

/** Details of an error response. */
export interface Refusal {
  status: number;
  code: string;
  detail: string;
  retryable: boolean;
  request_id: string;
  /** JSON pointer to the invalid part of the input. */
  pointer: string | null;
  /** Seconds to wait, if the response has them. */
  retry_after: number | null;
  /** Whether another server answered, such as a hotel's login page or a gateway. */
  is_foreign: boolean;
}

/** The service refused or failed. */
export class StatusError extends HotseatError implements Refusal {
  override name = "StatusError";
  status = 0;
  code = "";
  detail = "";
  retryable = false;
  pointer: string | null = null;
  retry_after: number | null = null;
  is_foreign = false;

  constructor(refusal: Refusal) {
    const where = refusal.pointer ? ` at ${refusal.pointer}` : "";
    const code = refusal.code ? ` ${refusal.code}` : "";
    super(`${refusal.status || "not sent"}${code}${where}: ${refusal.detail}`);
    Object.assign(this, refusal);
  }
}

export class BadInputError extends StatusError {
  override name = "BadInputError";
}
export class AuthError extends StatusError {
  override name = "AuthError";
}
export class NotFoundError extends StatusError {
  override name = "NotFoundError";
}
export class TooLargeError extends StatusError {
  override name = "TooLargeError";
}
export class RateLimitedError extends StatusError {
  override name = "RateLimitedError";
}
export class UnavailableError extends StatusError {
  override name = "UnavailableError";
}

const BY_STATUS: Record<number, typeof StatusError> = {
  400: BadInputError,
  401: AuthError,
  403: AuthError,
  404: NotFoundError,
  405: BadInputError,
  413: TooLargeError,
  415: BadInputError,
  422: BadInputError,
  429: RateLimitedError,
};

/** Return the error class of a status. */
export function classOf(status: number): typeof StatusError {
  return status >= 500 ? UnavailableError : (BY_STATUS[status] ?? StatusError);
}

/** Whether the service is away; the answer of another server says so, too. */
export function isAway(error: unknown): boolean {
  if (error instanceof StatusError) return error.status >= 500 || error.status === 429 || error.is_foreign;
  return error instanceof TransportError && !(error instanceof CancelledError);
}
