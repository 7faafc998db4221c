/** URLs of a service and of its models. */

import { ConfigError } from "./errors.js";

/** A base URL without its last slash; throws ConfigError. */
export function base(url: string): string {
  const plain = url.replace(/\/+$/, "");
  if (!/^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/.test(plain)) {
    throw new ConfigError(`"${url}" is not a base URL, such as https://models.example/prod`);
  }
  return plain;
}

/** The path of a model's endpoint; throws ConfigError. */
export function pathOf(verb: string, model?: string, version?: number | string): string {
  if (model === undefined) {
    if (version === undefined) return "/model-service";
    throw new ConfigError("version without model: pass model as well");
  }
  const at = version === undefined ? "" : `/versions/${part(String(version))}`;
  return `/v1/models/${part(model)}${at}/${verb}`;
}

/** Quote a segment of a path; throws ConfigError for dots alone. */
export function part(name: string): string {
  if (name === "" || name === "." || name === "..") {
    throw new ConfigError(`"${name}" names no model or version`);
  }
  return encodeURIComponent(name);
}
