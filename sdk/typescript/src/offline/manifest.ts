/** The manifest of a version, from the service. */

import { ConfigError, TransportError } from "../errors.js";

/** Maximum bytes of a version on a device: a page loads all of them into memory. */
export const LARGEST = 2 ** 30;

export interface Field {
  name: string;
  /** number or category; default: number. */
  type?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  categories?: string[];
  /** The minimum and the maximum in the training data. */
  observed?: [number, number];
  /** The categories in the training data. */
  known?: string[];
}

export interface Input {
  name: string;
  /** A type of the Open Inference Protocol: BYTES, FP32, INT64 ... */
  datatype: string;
  /** -1 is any length; the first is the batch. */
  shape: number[];
  /** text, features, board or tensor. */
  form: string;
  max_bytes?: number;
  /** How to treat a longer text: refuse, cut or parts. */
  too_long?: string;
  fields?: Field[];
  minimum?: number;
  maximum?: number;
}

export interface Level {
  temperature?: number;
  simulations?: number;
}

export interface Signature {
  inputs: Input[];
  outputs: { name: string }[];
  labels?: string[];
  /** The label that needs no action. */
  neutral_label?: string;
  max_rows?: number;
  /** Whether numbers may be NaN, as where NaN means missing. */
  non_finite?: boolean;
  rules?: string;
  levels?: Record<string, Level>;
}

export interface Variant {
  name: string;
  file: string;
  data?: string[];
}

export interface Manifest {
  model: string;
  kind: string;
  version: number;
  signature: Signature;
  variants: Variant[];
  golden?: string;
  /** 2 where outputs have roles or inputs a tokenizer, which devices here do not read. */
  format?: number;
  files: Record<string, { sha256: string; size: number }>;
}

/** A version for a device: GET /v1/models/{model}/versions/{version}. */
export interface Bundle {
  manifest: Manifest;
  variant: string;
  /** Signatures of the version, as JSON. */
  signatures?: string[];
  /** The signed part of the manifest, byte by byte. */
  content?: string;
  /** The envelope of the model's signed head, as JSON. */
  head?: string;
}

/**
 * Validate a version's description: its digests become keys of the store, its sizes
 * memory. Throws TransportError, and ConfigError for a version that is too large.
 */
export function checked(document: unknown, what: string): Bundle {
  const bundle = document as Bundle;
  let size = 0;
  try {
    const { manifest } = bundle;
    const right = Number.isSafeInteger(manifest.version) && manifest.version > 0 &&
      typeof manifest.model === "string" && Array.isArray(manifest.signature.inputs);
    if (!right || !needed(bundle).length) throw new TypeError("no version");
    for (const name of needed(bundle)) {
      const file = Object.hasOwn(manifest.files, name) ? manifest.files[name]! : null;
      const digest = typeof file?.sha256 === "string" && /^[0-9a-f]{64}$/.test(file.sha256);
      if (!file || !digest || !Number.isSafeInteger(file.size) || file.size < 0) {
        throw new TypeError(name);
      }
      size += file.size;
    }
  } catch {
    throw new TransportError(`${what}: the response describes no version with a graph`);
  }
  if (size > LARGEST) {
    throw new ConfigError(`${what} has ${size} bytes; the limit on a device is ${LARGEST}`);
  }
  return bundle;
}

/** The files that a device needs: the graph, its weights, the golden rows. */
export function needed({ manifest, variant }: Bundle): string[] {
  const chosen = manifest.variants.find(({ name }) => name === variant);
  const golden = manifest.golden ? [manifest.golden] : [];
  return chosen ? [chosen.file, ...(chosen.data ?? []), ...golden] : [];
}
