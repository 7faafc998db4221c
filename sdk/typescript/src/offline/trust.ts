/**
 * Verifies signatures with WebCrypto: versions (OpenSSF model-signing 1.0) and signed heads,
 * both in DSSE envelopes by keys on P-256, as the registry writes them.
 */

import { ConfigError, UntrustedError } from "../errors.js";
import type { Bundle, Manifest } from "./manifest.js";
import type { Store } from "./store.js";

const STATEMENT = "application/vnd.in-toto+json";
const HEAD = "application/vnd.hotseat.head+json";
const FORMAT = 1;
const LARGEST = 2 ** 20; // characters of an envelope
const MOST_SIGNATURES = 16;
const GRACE = 7 * 86_400_000; // milliseconds after its expiry in which a head is accepted

export interface TrustOptions {
  /** Public keys (PEM, on P-256), one of which must have signed a version. */
  keys: string[];
  /** How many of them must have signed a model's head; default: 1. */
  threshold?: number;
  /** Whether the signed head may not be missing; default: false. */
  signedHead?: boolean;
}

interface Bound {
  version: number;
  manifest: string;
}

interface Head {
  format: number;
  model: string;
  sequence: number;
  expires: string;
  previous: string;
  aliases: Record<string, Bound>;
  revoked: Bound[];
}

interface Envelope {
  payload: string;
  payloadType: string;
  signatures: { keyid: string; sig: string }[];
}

/** A version that must not be used any more; an earlier download of it neither. */
export class RevokedError extends UntrustedError {}

export class Trust {
  readonly #options: TrustOptions;
  #keys: Promise<Map<string, CryptoKey>> | null = null;

  constructor(options: TrustOptions) {
    const threshold = options.threshold ?? 1;
    const count = new Set(options.keys).size;
    if (!Number.isInteger(threshold) || threshold < 1 || threshold > count) {
      throw new ConfigError(`${threshold} signatures are demanded of ${count} keys`);
    }
    this.#options = options;
  }

  /**
   * The manifest as it was signed; throws UntrustedError unless a trusted key signed this
   * version, and the model's signed head names it.
   */
  async checked(bundle: Bundle, reference: string, store: Store, now: number): Promise<Manifest> {
    const { model, version } = bundle.manifest;
    const what = `${model}@${version}`;
    const content = new TextEncoder().encode(text(bundle.content, what));
    const manifest = { ...JSON.parse(bundle.content!), version } as Manifest;
    if (manifest.model !== model) throw new UntrustedError(`${what} is signed as ${manifest.model}`);
    await this.#checkVersion(bundle, manifest, content, what);
    await this.#checkHead(bundle, reference, content, what, store, now);
    return manifest;
  }

  async #checkVersion(
    bundle: Bundle, manifest: Manifest, content: Uint8Array, what: string,
  ): Promise<void> {
    const reasons: string[] = [];
    const signatures = Array.isArray(bundle.signatures) ? bundle.signatures : [];
    for (const signature of signatures.slice(0, MOST_SIGNATURES)) {
      try {
        const { dsseEnvelope, verificationMaterial } = JSON.parse(text(signature, what));
        const named = verificationMaterial.publicKey.hint;
        const [first] = dsseEnvelope.signatures;
        const envelope = { ...dsseEnvelope, signatures: [{ ...first, keyid: named }] };
        const { payload, signers } = await this.#opened(envelope, STATEMENT);
        if (!signers.size) throw new Error("its key is not trusted, or its signature not valid");
        await compare(JSON.parse(new TextDecoder().decode(payload)), manifest, content);
        return;
      } catch (error) {
        if (error instanceof ConfigError) throw error;
        reasons.push(error instanceof Error ? error.message : String(error));
      }
    }
    const why = reasons.join("; ") || "it has no signature";
    throw new UntrustedError(`${what} is not signed by a trusted key (${why})`);
  }

  async #checkHead(
    bundle: Bundle, reference: string, content: Uint8Array, what: string, store: Store,
    now: number,
  ): Promise<void> {
    const { model, version } = bundle.manifest;
    const keys = [...(await this.#imported()).keys()].sort();
    const trust = await hex(new TextEncoder().encode(`${this.#options.threshold ?? 1} ${keys}`));
    const place = `${model}#signed-head`;
    const seen = remembered(await store.get(place), trust);
    if (bundle.head === undefined) {
      if (!seen && !this.#options.signedHead) return;
      throw new UntrustedError(`${what} comes without the signed head of ${model}`);
    }
    let head: Head;
    let digest: string;
    try {
      const { payload, signers } = await this.#opened(JSON.parse(text(bundle.head, what)), HEAD);
      const threshold = this.#options.threshold ?? 1;
      if (signers.size < threshold) {
        throw new Error(`${signers.size} of ${threshold} signatures are valid`);
      }
      head = JSON.parse(new TextDecoder().decode(payload));
      digest = await hex(payload);
      if (head.format > FORMAT) throw new Error(`it has format ${head.format}: update hotseat`);
      if (!Number.isSafeInteger(head.sequence)) throw new Error("it has no sequence");
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new UntrustedError(`the signed head of ${model} is not valid: ${why}`);
    }
    if (head.model !== model) {
      throw new UntrustedError(`the signed head of ${model} is that of another model`);
    }
    if (!(now <= Date.parse(head.expires) + GRACE)) {
      throw new UntrustedError(`the signed head of ${model} has expired (${head.expires})`);
    }
    checkOrder(head, digest, seen, model);
    checkNamed(head, reference, version, await hex(content), what);
    const kept = JSON.stringify({ trust, sequence: head.sequence, digest });
    await store.put(place, new TextEncoder().encode(kept));
  }

  /** An envelope's payload, and the trusted keys whose signatures of it are valid. */
  async #opened(
    envelope: Envelope, kind: string,
  ): Promise<{ payload: Uint8Array; signers: Set<string> }> {
    if (envelope.payloadType !== kind) throw new Error(`its payload type is ${envelope.payloadType}`);
    if (envelope.signatures.length > MOST_SIGNATURES) throw new Error("it has too many signatures");
    const payload = bytes(envelope.payload);
    const head = new TextEncoder().encode(`DSSEv1 ${kind.length} ${kind} ${payload.length} `);
    const signed = new Uint8Array(head.length + payload.length);
    signed.set(head);
    signed.set(payload, head.length);
    const keys = await this.#imported();
    const signers = new Set<string>();
    for (const { keyid, sig } of envelope.signatures) {
      const key = keys.get(keyid);
      const valid = key && (await crypto.subtle.verify(
        { name: "ECDSA", hash: "SHA-256" }, key, raw(bytes(sig)) as BufferSource,
        signed as BufferSource,
      ));
      if (valid) signers.add(keyid);
    }
    return { payload, signers };
  }

  #imported(): Promise<Map<string, CryptoKey>> {
    this.#keys ??= imported(this.#options.keys);
    return this.#keys;
  }
}

/** The keys by their name: the SHA-256 of their PEM, as `openssl` writes it. */
async function imported(pems: string[]): Promise<Map<string, CryptoKey>> {
  if (!globalThis.crypto?.subtle) {
    throw new ConfigError("a browser verifies signatures on secure pages only: https, or localhost");
  }
  const keys = new Map<string, CryptoKey>();
  for (const pem of pems) {
    const base64 = /-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----/.exec(pem)?.[1];
    try {
      const spki = bytes((base64 ?? "").replace(/\s/g, ""));
      const key = await crypto.subtle.importKey(
        "spki", spki as BufferSource, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"],
      );
      const lines = btoa(String.fromCharCode(...spki)).match(/.{1,64}/g)!.join("\n");
      const name = `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
      keys.set(await hex(new TextEncoder().encode(name)), key);
    } catch {
      throw new ConfigError("trust: expected public keys on P-256 in PEM, -----BEGIN PUBLIC KEY-----");
    }
  }
  return keys;
}

/** Throw unless a statement is about exactly these files and this manifest. */
async function compare(statement: any, manifest: Manifest, content: Uint8Array): Promise<void> {
  if (
    statement._type !== "https://in-toto.io/Statement/v1" ||
    statement.predicateType !== "https://model_signing/signature/v1.0"
  ) throw new Error("it is no model signature");
  const signed = new Map<string, string>(
    statement.predicate.resources.map((item: any) => [item.name, item.digest]),
  );
  const wanted = new Map(
    Object.entries(manifest.files).map(([name, { sha256 }]) => [name, sha256]),
  );
  wanted.set("manifest.json", await hex(content));
  for (const name of new Set([...signed.keys(), ...wanted.keys()])) {
    if (signed.get(name) !== wanted.get(name)) throw new Error(`${name} differs from the signed file`);
  }
}

interface Seen {
  sequence: number;
  digest: string;
}

/** The newest head that was accepted under these keys; another rotation begins anew. */
function remembered(stored: Uint8Array | null, trust: string): Seen | null {
  try {
    const value = JSON.parse(new TextDecoder().decode(stored!));
    return value.trust === trust ? value : null;
  } catch {
    return null;
  }
}

function checkOrder(head: Head, digest: string, seen: Seen | null, model: string): void {
  if (!seen || (head.sequence === seen.sequence && digest === seen.digest)) return;
  const follows = head.sequence === seen.sequence + 1 && head.previous === seen.digest;
  if (follows || head.sequence > seen.sequence + 1) return;
  throw new UntrustedError(
    `the signed head of ${model} has number ${head.sequence}, and another one with number ` +
      `${seen.sequence} was accepted before`,
  );
}

function checkNamed(
  head: Head, reference: string, version: number, digest: string, what: string,
): void {
  if (head.revoked.some((one) => one.version === version || one.manifest === digest)) {
    throw new RevokedError(`${what} is revoked`);
  }
  const bound = Object.entries(head.aliases).filter(
    ([alias, one]) => alias === reference || one.version === version,
  );
  if (bound.some(([, one]) => one.version !== version || one.manifest !== digest)) {
    throw new UntrustedError(`${what} is not what was signed as ${head.model}#${reference}`);
  }
  if (!bound.length && !/^\d+$/.test(reference)) {
    throw new UntrustedError(`the signed head of ${head.model} has no alias ${reference}`);
  }
}

function text(value: unknown, what: string): string {
  if (typeof value === "string" && value.length <= LARGEST) return value;
  throw new UntrustedError(`${what} comes without what was signed: the service is older`);
}

/** Base64 as bytes; throws for any other text. */
function bytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** An ECDSA signature in DER as r and s, 32 bytes each, which WebCrypto takes. */
function raw(der: Uint8Array): Uint8Array {
  const both = new Uint8Array(64);
  let at = 2; // SEQUENCE and its length, below 128
  if (der[0] !== 0x30 || der[1] !== der.length - 2) throw new Error("it has no DER signature");
  for (const end of [32, 64]) {
    const length = der[at + 1]!;
    const number = der.subarray(at + 2, at + 2 + length);
    if (der[at] !== 0x02 || number.length !== length) throw new Error("it has no DER signature");
    const digits = number[0] === 0 ? number.subarray(1) : number;
    if (digits.length > 32) throw new Error("it has no DER signature");
    both.set(digits, end - digits.length);
    at += 2 + length;
  }
  if (at !== der.length) throw new Error("it has no DER signature");
  return both;
}

async function hex(data: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", data as BufferSource);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
