/** Downloads a version in pieces, verifies it and stores it on the device. */

import { refuse } from "../answer.js";
import { part } from "../address.js";
import { ConfigError, HotseatError, StatusError, TransportError } from "../errors.js";
import type { CallOptions, Service } from "../service.js";
import type { Met } from "../transport.js";
import { type Bundle, checked, needed } from "./manifest.js";
import type { Store } from "./store.js";
import { RevokedError, type Trust } from "./trust.js";

const PIECE = 4_000_000; // the most that the service sends at once

/** A stored version, and whether its signature was verified when it was downloaded. */
type Noted = Bundle & { signed?: boolean };

export interface Fetched {
  bundle: Bundle;
  files: Record<string, Uint8Array>;
  /** Whether the service confirmed it now; if not, the last verified download. */
  current: boolean;
}

/** `connect-four#live`, `connect-four@3` or `connect-four` as model and version. */
export function named(reference: string): { model: string; version: string } {
  const match = /^([^@#]+)(?:[@#](.+))?$/.exec(reference);
  if (!match) throw new ConfigError(`"${reference}" is not a reference, such as connect-four#live`);
  return { model: match[1]!, version: match[2] ?? "live" };
}

/** Download the version of a reference, or open the stored one; throws HotseatError. */
export async function fetched(
  service: Service, store: Store, reference: string, given: CallOptions, trust: Trust | null,
): Promise<Fetched> {
  const { model, version } = named(reference);
  const key = `${model}#${version}`;
  const path = `/v1/models/${part(model)}/versions/${part(version)}`;
  const stored = await bundleOf(store, key);
  let bundle: Bundle;
  try {
    bundle = checked(await service.call("GET", path, null, given), reference);
    if (trust) {
      const manifest = await trust.checked(bundle, version, store, Date.now());
      bundle = checked({ ...bundle, manifest }, reference);
    }
  } catch (error) {
    const away = error instanceof TransportError || (error instanceof StatusError && error.status >= 500);
    if (!stored || !away || error instanceof RevokedError) throw error;
    if (trust && !stored.signed) throw error; // it was downloaded without trust
    return { bundle: stored, files: await opened(store, key, stored), current: false };
  }
  // by number: the alias may move during the download
  const whole = `/v1/models/${part(model)}/versions/${bundle.manifest.version}/files`;
  const files: Record<string, Uint8Array> = {};
  for (const name of needed(bundle)) {
    const { sha256, size } = bundle.manifest.files[name]!;
    const here = await store.get(`${key}/${sha256}`);
    const good = here && (await digest(here)) === sha256;
    const bytes = good ? here : await pieces(service, `${whole}/${part(name)}`, size, given);
    if (!good && (await digest(bytes)) !== sha256) {
      throw new TransportError(`${reference}: ${name} does not match its digest`);
    }
    if (!good) await store.put(`${key}/${sha256}`, bytes);
    files[name] = bytes;
  }
  // last, so that its files exist
  const noted = { ...bundle, signed: trust !== null };
  await store.put(key, new TextEncoder().encode(JSON.stringify(noted)));
  const digests = (one: Bundle) => needed(one).map((name) => one.manifest.files[name]!.sha256);
  const current = new Set(digests(bundle));
  for (const sha256 of stored ? digests(stored) : []) {
    if (!current.has(sha256)) await store.remove(`${key}/${sha256}`);
  }
  return { bundle, files, current: true };
}

async function bundleOf(store: Store, key: string): Promise<Noted | null> {
  const bytes = await store.get(key);
  try {
    return bytes && checked(JSON.parse(new TextDecoder().decode(bytes)), key);
  } catch {
    return null; // damaged: download it again
  }
}

async function opened(
  store: Store, key: string, bundle: Bundle,
): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of needed(bundle)) {
    const { sha256 } = bundle.manifest.files[name]!;
    const bytes = await store.get(`${key}/${sha256}`);
    if (!bytes || (await digest(bytes)) !== sha256) {
      throw new HotseatError(`the stored files of ${key} are damaged: download it again`);
    }
    files[name] = bytes;
  }
  return files;
}

async function pieces(
  service: Service, path: string, size: number, given: CallOptions,
): Promise<Uint8Array> {
  let whole = new Uint8Array(0);
  for (let at = 0; at < size; at += PIECE) {
    const last = Math.min(at + PIECE, size) - 1;
    const range = { range: `bytes=${at}-${last}`, accept: "application/octet-stream" };
    const bytes = await service.call("GET", path, null, given, range, bytesOf);
    if (bytes.byteLength !== last - at + 1) throw new TransportError(`${path}: the response is too short`);
    // allocate after the first piece: the size in the manifest may be wrong
    if (!at) whole = new Uint8Array(size);
    whole.set(new Uint8Array(bytes), at);
  }
  return whole;
}

function bytesOf(met: Met): ArrayBuffer {
  if (met.status !== 200 && met.status !== 206) {
    let problem: Record<string, unknown> | null = null;
    try {
      problem = JSON.parse(met.body);
    } catch {
      // a gateway's page: its status is enough
    }
    refuse(met, problem);
  }
  return met.bytes ?? new TextEncoder().encode(met.body).buffer;
}

async function digest(bytes: Uint8Array): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new ConfigError("a browser checks digests on secure pages only: https, or localhost");
  }
  const hash = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
