/**
 * Runs a version on the device when the service is unavailable.
 *
 *     const client = new ModelServiceClient({ baseUrl, offline: new Device() });
 *     await client.download("connect-four#live"); // verified, and stored for the next start
 */

export { Device } from "./device.js";
export type { DeviceOptions, Runtime } from "./device.js";
export { browser, memory } from "./store.js";
export type { Store } from "./store.js";
export type { TrustOptions } from "./trust.js";
