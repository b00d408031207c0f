/** Asking for a token: challenge, blinded request and roll signature (protocol section 5; RFC 9577, RFC 9578). */

import { ed25519 } from "@noble/curves/ed25519.js";

import { blind, finalize, readSpki } from "./blind.ts";
import type { RsaKey } from "./blind.ts";
import { base64, concat, hex, u16, unbase64, utf8 } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import { canonical } from "./canonical.ts";
import type { RollKey } from "./code.ts";
import type { Channel, Manifest } from "./manifest.ts";
import { sha256, tag } from "./tags.ts";
import { blindingFactor, pssSalt } from "./voter.ts";
import type { Voter } from "./voter.ts";

const TOKEN_TYPE = u16(2);

/** The request to one issuer, with what is needed to finish it once the answer is here. */
export interface TokenRequest {
  readonly host: string;
  readonly key: RsaKey;
  /** What gets signed, 98 bytes. */
  readonly input: Bytes;
  readonly salt: Bytes;
  readonly factor: bigint;
  /** Token type, one byte of the key id, blinded message: 259 bytes. */
  readonly request: Bytes;
}

/** Return the TokenChallenge of RFC 9577: issuer, redemption context `ctx`, origin = the box. */
export function challenge(host: string, ctx: Uint8Array, boxHost: string): Bytes {
  const [issuer, origin] = [utf8(host), utf8(boxHost)];
  return concat(TOKEN_TYPE, u16(issuer.length), issuer, Uint8Array.of(32), ctx, u16(origin.length), origin);
}

/** Return what the issuer signs without seeing it: type, voter key as nonce, challenge digest, key id. */
export function tokenInput(pk: Uint8Array, challengeBytes: Uint8Array, spki: Uint8Array): Bytes {
  return concat(TOKEN_TYPE, pk, sha256(challengeBytes), sha256(spki));
}

/** Return the request to the issuer at `host` whose key is `spki` (DER). The same voter always makes the same one. */
export function tokenRequest(voter: Voter, host: string, boxHost: string, spki: Uint8Array): TokenRequest {
  const key = readSpki(spki);
  const input = tokenInput(voter.pk, challenge(host, voter.ctx, boxHost), spki);
  const salt = pssSalt(voter, host);
  const factor = blindingFactor(voter, host, key);
  const request = concat(TOKEN_TYPE, sha256(spki).subarray(31), blind(key, input, salt, factor));
  return { host, key, input, salt, factor, request };
}

/** Return the requests to all issuers of a contest for class `cls`, in the manifest's order. */
export function tokenRequests(voter: Voter, manifest: Manifest, cls: string): TokenRequest[] {
  return manifest.issuers.map((issuer) => {
    const spki = issuer.spki[cls];
    if (spki === undefined) throw new RangeError(`the issuer ${issuer.host} has no key for the class ${cls}`);
    return tokenRequest(voter, issuer.host, manifest.box_host, unbase64(spki));
  });
}

/** Return the signature by the code's key that goes into the issuance log. */
export function rollSignature(roll: RollKey, ctx: Uint8Array, requests: readonly Uint8Array[]): Bytes {
  const hashes = requests.map((request) => sha256(request));
  return new Uint8Array(ed25519.sign(concat(tag("issue"), ctx, ...hashes), roll.secret));
}

/** Return the body of POST issue for the issuer at position `issuer`, from 0: canonical JSON. */
export function issueBody(
  ctx: Uint8Array,
  roll: RollKey,
  requests: readonly TokenRequest[],
  { cls, channel, issuer }: { cls: string; channel: Channel; issuer: number },
): string {
  const all = requests.map(({ request }) => request);
  return canonical({
    type: "weighin/v1/issue",
    ctx: hex(ctx),
    cls,
    roll_pk: hex(roll.pk),
    channel,
    hashes: all.map((request) => hex(sha256(request))),
    issuer,
    request: base64(all[issuer] as Bytes),
    sig: base64(rollSignature(roll, ctx, all)),
  });
}

/** Return the authenticator, 256 bytes, that an issuer's answer gives. Throws InvalidToken when it does not verify. */
export function finishToken(request: TokenRequest, response: string): Bytes {
  return finalize(request.key, request.input, request.salt, request.factor, unbase64(response));
}

/** Return the body of POST issued: the holder of a code asks whether it was used. Canonical JSON. */
export function lookupBody(ctx: Uint8Array, roll: RollKey): string {
  return canonical({
    type: "weighin/v1/lookup",
    ctx: hex(ctx),
    roll_pk: hex(roll.pk),
    sig: base64(new Uint8Array(ed25519.sign(concat(tag("lookup"), ctx), roll.secret))),
  });
}
