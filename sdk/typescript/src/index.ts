/**
 * Client of a Hotseat model service, for games in browsers and Node.
 *
 *     const client = new ModelServiceClient({ baseUrl: "https://models.example/prod" });
 *     const { label } = await client.predict("gg wp", { model: "chat-moderation", default: "ok" });
 */

export type { InputWarning, Model, Prediction } from "./answer.js";
export { ModelServiceClient } from "./client.js";
export type { AskOptions, ChooseOptions, ClientOptions, Offline, OfflineModel, Twin } from "./client.js";
export * from "./errors.js";
export { EventStream } from "./events.js";
export type { ServerEvent } from "./events.js";
export type { Call, CallOptions, ServiceOptions } from "./service.js";
export { TextStream } from "./text.js";
export type { SayInput, SayOptions, TextAnswer } from "./text.js";
export { Ticket } from "./ticket.js";
export type { InferenceRequest } from "./ticket.js";
export type { Met, Request, Transport } from "./transport.js";
