/** Errors of invalid inputs, with the wording of the service. */

import { BadInputError, TooLargeError } from "../errors.js";

const SAID = { retryable: false, request_id: "", retry_after: null, is_foreign: false };

export function bad(detail: string, pointer: string): BadInputError {
  return new BadInputError({ ...SAID, status: 422, code: "invalid_input", detail, pointer });
}

export function tooLarge(detail: string, pointer: string | null): TooLargeError {
  return new TooLargeError({ ...SAID, status: 413, code: "too_large", detail, pointer });
}
