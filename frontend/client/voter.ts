/** Everything a voter needs, from one 32-byte seed (protocol section 5). The seed never comes from the code. */

import { ed25519 } from "@noble/curves/ed25519.js";

import { inverse, modulusSize, toNumber } from "./blind.ts";
import type { RsaKey } from "./blind.ts";
import { concat, lp, u32, utf8 } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import { derive, tag } from "./tags.ts";

/** One voter in one contest. */
export interface Voter {
  readonly seed: Bytes;
  readonly ctx: Bytes;
  /** Ed25519 secret key, 32 bytes. */
  readonly secret: Bytes;
  /** Ed25519 public key, 32 bytes: what the token signs, and who the ballot is from. */
  readonly pk: Bytes;
}

/** Return the voter of a seed of 32 bytes in the contest `ctx`. */
export function voterFrom(seed: Uint8Array, ctx: Uint8Array): Voter {
  const secret = expand(seed, ctx, utf8("sign"), 32);
  return {
    seed: new Uint8Array(seed),
    ctx: new Uint8Array(ctx),
    secret,
    pk: new Uint8Array(ed25519.getPublicKey(secret)),
  };
}

/** Return the 32-byte salt of revision `rev`'s commitment. */
export function ballotSalt(voter: Voter, rev: number): Bytes {
  return expand(voter.seed, voter.ctx, concat(utf8("salt"), u32(rev)), 32);
}

/** Return the 48-byte PSS salt for the issuer at `host`. */
export function pssSalt(voter: Voter, host: string): Bytes {
  return expand(voter.seed, voter.ctx, concat(utf8("pss"), utf8(host)), 48);
}

/** Return the blinding factor for the issuer at `host`: the first candidate r with 1 < r < n, prime to n. */
export function blindingFactor(voter: Voter, host: string, key: RsaKey): bigint {
  for (let j = 0; j < 256; j++) {
    const label = concat(utf8("blind"), utf8(host), Uint8Array.of(j));
    const candidate = toNumber(expand(voter.seed, voter.ctx, label, modulusSize(key)));
    if (candidate > 1n && candidate < key.n && inverse(candidate, key.n) !== null) return candidate;
  }
  throw new RangeError("no blinding factor in 256 tries");
}

function expand(seed: Uint8Array, ctx: Uint8Array, label: Uint8Array, size: number): Bytes {
  return derive(seed, concat(tag("voter"), ctx, lp(label)), size);
}
