/** A ballot: commitment, seal, signed header, and the request that carries them (protocol section 7). */

import { ed25519 } from "@noble/curves/ed25519.js";
import { Aes128Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";

import { base64, concat, hex, lp, u32, unbase64, utf8 } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import { canonical } from "./canonical.ts";
import type { Manifest } from "./manifest.ts";
import { sha256, tag, taggedHash } from "./tags.ts";
import { ballotSalt } from "./voter.ts";
import type { Voter } from "./voter.ts";

/** A ballot ready to be sent. `body` is sent, and sent again, byte for byte. */
export interface SealedBallot {
  readonly rev: number;
  readonly header: string;
  readonly digest: Bytes;
  readonly body: string;
}

/** Return the commitment to choices: H("choices", ctx, pk, rev, salt, choices). */
export function commitTo(voter: Voter, rev: number, choices: string): Bytes {
  return taggedHash("choices", voter.ctx, voter.pk, u32(rev), ballotSalt(voter, rev), utf8(choices));
}

/** Return what goes under the seal: the salt, and the choices filled with spaces to `pad` bytes. */
export function plaintext(voter: Voter, rev: number, choices: string, pad: number): Bytes {
  const size = utf8(choices).length;
  if (size > pad) throw new RangeError("the choices are longer than any legal ballot");
  return concat(ballotSalt(voter, rev), utf8(choices + " ".repeat(pad - size)));
}

/** Return the context that the seal is bound to; HPKE's info. */
export function sealInfo(voter: Voter, rev: number, commit: Uint8Array): Bytes {
  return concat(tag("seal"), voter.ctx, voter.pk, u32(rev), commit);
}

/** Return enc || ciphertext: HPKE base mode, DHKEM(P-256), HKDF-SHA256, AES-128-GCM (RFC 9180). Randomised. */
export async function seal(sealKey: Uint8Array, info: Uint8Array, message: Uint8Array): Promise<Bytes> {
  const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
  const recipientPublicKey = await suite.kem.deserializePublicKey(concat(sealKey).buffer);
  const { enc, ct } = await suite.seal({ recipientPublicKey, info: concat(info).buffer }, concat(message).buffer);
  return concat(new Uint8Array(enc), new Uint8Array(ct));
}

/** Return the header of a ballot, canonical JSON. `tokens` are the authenticators, in the manifest's order. */
export function encodeHeader(
  voter: Voter,
  { cls, rev, commit, sealed, tokens }: { cls: string; rev: number; commit: Uint8Array; sealed: Uint8Array; tokens: readonly string[] },
): string {
  return canonical({
    type: "weighin/v1/ballot",
    ctx: hex(voter.ctx),
    cls,
    pk: hex(voter.pk),
    rev,
    commit: hex(commit),
    seal: hex(sha256(sealed)),
    tok: [...tokens],
  });
}

/** Return the voter's signature of a header, 64 bytes. */
export function signHeader(voter: Voter, header: string): Bytes {
  return new Uint8Array(ed25519.sign(concat(tag("ballot"), utf8(header)), voter.secret));
}

/** Return the digest that stands for a ballot in promise and log: H("leaf", lp(header), sig). */
export function leafDigest(header: string, signature: Uint8Array): Bytes {
  return taggedHash("leaf", lp(utf8(header)), signature);
}

/** Return the request, canonical JSON of exactly `size` bytes. Throws a RangeError when it does not fit. */
export function castBody(header: string, sealed: Uint8Array, signature: Uint8Array, size: number): string {
  const fields = { header, sealed: base64(sealed), sig: base64(signature) };
  const missing = size - utf8(canonical({ ...fields, pad: "" })).length;
  if (missing < 0) throw new RangeError("the request is longer than the manifest allows");
  return canonical({ ...fields, pad: "0".repeat(missing) });
}

/** Return the sealed and signed ballot of one revision. `choices` is canonical JSON. */
export async function sealBallot(
  voter: Voter,
  manifest: Manifest,
  { cls, rev, choices, tokens }: { cls: string; rev: number; choices: string; tokens: readonly string[] },
): Promise<SealedBallot> {
  const commit = commitTo(voter, rev, choices);
  const message = plaintext(voter, rev, choices, manifest.pad);
  const sealed = await seal(unbase64(manifest.seal_key), sealInfo(voter, rev, commit), message);
  const header = encodeHeader(voter, { cls, rev, commit, sealed, tokens });
  const signature = signHeader(voter, header);
  return {
    rev,
    header,
    digest: leafDigest(header, signature),
    body: castBody(header, sealed, signature, manifest.body_size),
  };
}
