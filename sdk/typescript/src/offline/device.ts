/** A version on this device: open it, check its golden rows, predict. */

import { type Prediction, ofRow, prediction } from "../answer.js";
import type { Offline, OfflineModel } from "../client.js";
import { ConfigError, HotseatError, TransportError } from "../errors.js";
import type { CallOptions, Service } from "../service.js";
import { reason } from "../transport.js";
import { type Fetched, fetched, named } from "./fetch.js";
import { KINDS, type Run, answered } from "./kinds.js";
import type { Manifest, Variant } from "./manifest.js";
import { type Store, store } from "./store.js";
import { foreign, places } from "./tensors.js";
import { Trust, type TrustOptions } from "./trust.js";
import { Warnings } from "./warnings.js";

/** The part of onnxruntime-web in use; the module itself fits. */
export interface Runtime {
  InferenceSession: {
    create(graph: Uint8Array, options: Record<string, unknown>): Promise<Session>;
  };
  Tensor: new (type: any, data: any, dims: number[]) => object;
}

interface Session {
  outputNames: readonly string[];
  run(feeds: Record<string, any>): Promise<Record<string, { data: unknown }>>;
}

export interface DeviceOptions {
  /** Where versions are stored; default: the browser's cache, else memory. */
  store?: Store;
  /** Default: onnxruntime-web/wasm, its smallest build (in Node its main one), loaded when the first version is opened. */
  runtime?: () => Promise<unknown>;
  /** Whose signatures to accept; default: versions are checked by their digests alone. */
  trust?: TrustOptions;
  /** Options of a session, such as its execution providers. */
  session?: Record<string, unknown>;
}

/**
 * The smallest build for pages. Node's is in the main entry alone; a bundler must not see that
 * one, for it would ship its 28 MB beside every game.
 */
const MAIN = "onnxruntime-web";
const isNode = Boolean((globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node);
const runtime = (): Promise<unknown> =>
  isNode ? import(/* webpackIgnore: true */ /* @vite-ignore */ MAIN) : import("onnxruntime-web/wasm");

/** Runs versions with onnxruntime-web, which the game installs. */
export class Device implements Offline {
  readonly #store: Store;
  readonly #load: () => Promise<unknown>;
  readonly #session: Record<string, unknown>;
  readonly #trust: Trust | null;

  constructor(given: DeviceOptions = {}) {
    this.#store = given.store ?? store();
    this.#load = given.runtime ?? runtime;
    this.#trust = given.trust ? new Trust(given.trust) : null;
    this.#session = { executionProviders: ["wasm"], ...given.session };
  }

  /** See `ModelServiceClient.download`. */
  async download(service: Service, reference: string, given: CallOptions): Promise<OfflineModel> {
    const found = await fetched(service, this.#store, reference, given, this.#trust);
    const { manifest } = found.bundle;
    const what = `${manifest.model}@${manifest.version}`;
    try {
      return await this.#opened(service, found, named(reference).version, what);
    } catch (error) {
      if (error instanceof HotseatError) throw error;
      throw new TransportError(`${what} cannot be read: ${reason(error)}`);
    }
  }

  /** Open a version and check its golden rows. */
  async #opened(service: Service, found: Fetched, alias: string, what: string): Promise<OfflineModel> {
    const { manifest, variant } = found.bundle;
    const missing = missingHere(manifest);
    if (missing) {
      throw new ConfigError(`${what} needs ${missing}, which this device cannot run: use the service`);
    }
    const run = await this.#open(found, what);
    const local = new Local(manifest, variant, alias, found.current, run, service.clock);
    await held(local, found, what);
    return local;
  }

  async #open({ bundle, files }: Fetched, what: string): Promise<Run> {
    const { file, data = [] } = bundle.manifest.variants.find(
      ({ name }) => name === bundle.variant,
    ) as Variant;
    let runtime: Runtime;
    try {
      runtime = (await this.#load()) as Runtime;
    } catch (error) {
      throw new ConfigError(`onnxruntime-web is missing: npm install it (${reason(error)})`);
    }
    let session: Session;
    try {
      const externalData = data.map((path) => ({ path, data: files[path] }));
      session = await runtime.InferenceSession.create(files[file]!, {
        ...this.#session, ...(data.length ? { externalData } : {}),
      });
    } catch (error) {
      throw new ConfigError(
        `onnxruntime-web cannot run ${what}: ${reason(error)}; use the service, ` +
          "or publish a variant without that operator",
      );
    }
    return async (tensors) => {
      const feeds = Object.fromEntries(
        Object.entries(tensors).map(([name, { type, data: flat, dims }]) => [
          name, new runtime.Tensor(type, flat, dims),
        ]),
      );
      const outputs = await session.run(feeds);
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { data: flat }]) => [name, flat as ArrayLike<number>]),
      );
    };
  }
}

class Local implements OfflineModel {
  readonly model: string;
  readonly version: number;

  constructor(
    readonly manifest: Manifest,
    readonly variant: string,
    readonly alias: string,
    readonly is_current: boolean,
    private readonly run: Run,
    private readonly clock: () => number,
  ) {
    this.model = manifest.model;
    this.version = manifest.version;
  }

  fits(version: number | string | undefined): boolean {
    return [this.alias, String(this.version)].includes(String(version ?? "live"));
  }

  async predict(inputs: unknown[], options: Record<string, unknown>): Promise<Prediction[]> {
    const start = this.clock();
    const { manifest, run, clock, model, version, variant } = this;
    const warnings = new Warnings();
    let answers: Record<string, unknown>[];
    try {
      const pointers = places(inputs.length);
      answers = await answered({ manifest, run, inputs, pointers, options, clock, warnings });
    } catch (error) {
      if (error instanceof HotseatError) throw error;
      throw new HotseatError(`${model}@${version} failed on this device: ${reason(error)}`);
    }
    const latency = this.clock() - start;
    const source = { model, version, variant };
    const warned = warnings.list();
    return answers.map((item, row) => ({
      ...prediction({ ...item, ...source, warnings: ofRow(warned, `/inputs/${row}`) }, latency),
      source: "offline",
    }));
  }
}

/** Check a version's golden rows; throws HotseatError if its answers differ. */
async function held(local: OfflineModel, { bundle, files }: Fetched, what: string): Promise<void> {
  const { golden } = bundle.manifest;
  if (!golden) return;
  const { rows, tolerance } = JSON.parse(new TextDecoder().decode(files[golden]));
  for (const [at, { input, options = {}, expected }] of rows.entries()) {
    const [found] = await local.predict([input], options ?? {});
    const far = distance(found, expected);
    if (!(far <= (tolerance[bundle.variant] ?? 0))) {
      throw new HotseatError(`${what}: golden row ${at} is ${far} off on this device`);
    }
  }
}

/** The requirement that this device does not meet; null if it meets all. */
function missingHere({ kind, format = 1, signature }: Manifest): string | null {
  if (!KINDS[kind]) return `the kind ${kind}`;
  const unread = foreign(signature);
  return unread ?? (format > 1 ? `manifest format ${format}` : null);
}

function distance(found: any, wanted: Record<string, unknown>): number {
  const apart = Object.entries(wanted).map(([name, value]) => {
    if (typeof value === "number") return Math.abs(found[name] - value);
    return value !== null && typeof value === "object" && !Array.isArray(value)
      ? distance(found[name], value as Record<string, unknown>)
      : 0;
  });
  return apart.reduce((most, each) => (Number.isNaN(most) || most >= each ? most : each), 0);
}
