/**
 * Mints player tokens, in a game's server with Node. Not for a game: a key in a game is public.
 *
 *     import { mintToken } from "hotseat/tokens";
 *     const token = mintToken(readFileSync("tokens.pem", "utf8"), "player-7", { models: ["mood"] });
 */

import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from "node:crypto";

import { ConfigError } from "./errors.js";

export interface TokenOptions {
  /** The game that the player plays. */
  game?: string;
  /** The models that the token reaches; default: all of the stage. */
  models?: string[];
  /** Requests a second of the player and one model; default: the stage's. */
  rate?: number;
  /** Requests at once of the player and one model. */
  burst?: number;
  /** How long it is valid, at most 86,400; default: 900. */
  seconds?: number;
  /** Default: hotseat. */
  audience?: string;
}

const MOST_SECONDS = 86_400;

/**
 * A JWT (ES256) for `player`, 1 to 128 ASCII characters without spaces. `key` is a private
 * key on P-256 in PEM. Throws ConfigError for what no service accepts.
 */
export function mintToken(key: string, player: string, given: TokenOptions = {}): string {
  const seconds = given.seconds ?? 900;
  if (!/^[\x21-\x7e]{1,128}$/.test(player)) {
    throw new ConfigError("player: expected 1 to 128 ASCII characters without spaces");
  }
  if (!(seconds >= 1 && seconds <= MOST_SECONDS)) {
    throw new ConfigError(`seconds: expected 1 to ${MOST_SECONDS}, got ${seconds}`);
  }
  const { secret, kid } = opened(key);
  const now = Math.floor(Date.now() / 1000);
  const { game, models, rate, burst, audience = "hotseat" } = given;
  const claims = {
    sub: player, aud: audience, iat: now, exp: now + Math.floor(seconds),
    jti: randomBytes(8).toString("hex"), game, models, rate, burst,
  };
  const signed = [{ alg: "ES256", kid, typ: "JWT" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign("sha256", Buffer.from(signed), { key: secret, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

/** The key, and its name: the thumbprint of RFC 7638. */
function opened(pem: string) {
  try {
    const secret = createPrivateKey(pem);
    const { crv, kty, x, y } = createPublicKey(secret).export({ format: "jwk" });
    if (crv !== "P-256") throw new Error(`it is on ${crv ?? "no curve"}`);
    const text = JSON.stringify({ crv, kty, x, y });
    return { secret, kid: createHash("sha256").update(text).digest("base64url") };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`key: expected a private key on P-256 in PEM (${why})`);
  }
}
