/** A transport without a network, for a game's own tests. */

import { ConfigError, HotseatError } from "./errors.js";
import type { Met, Request, Transport } from "./transport.js";

export type { Met, Request, Transport } from "./transport.js";

/** An object is returned as JSON with status 200, a Met unchanged; an error is thrown. */
export type Canned = Record<string, unknown> | Met | HotseatError;

/**
 * Returns canned answers in turn and repeats the last one; `requests` records requests.
 *
 *     const transport = fakeTransport({ label: "ok" }, new TransportError("cable pulled"));
 *     const client = new ModelServiceClient({ transport });
 */
export function fakeTransport(...answers: Canned[]): Transport & { requests: Request[] } {
  if (!answers.length) throw new ConfigError("a fakeTransport needs at least one answer");
  const requests: Request[] = [];
  const send: Transport = async (request) => {
    requests.push({ ...request, headers: { ...request.headers } });
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    if (answer instanceof HotseatError) throw answer;
    if (typeof answer["status"] === "number" && typeof answer["body"] === "string") {
      return answer as Met;
    }
    return { status: 200, headers: {}, body: JSON.stringify(answer) };
  };
  return Object.assign(send, { requests });
}
