/** RSA blind signatures, the voter's side (RFC 9474: RSABSSA-SHA384-PSS, salt of 48 bytes, no randomizer).
 *
 *  Salt and blinding factor come in as arguments, so that the very same request can be made again after a lost
 *  answer. The `bit_len(n)` that RFC 9474's text passes to EMSA-PSS-ENCODE is emBits = bit_len(n) - 1 in its
 *  vectors and in RFC 8017.
 */

import { sha384 as nobleSha384 } from "@noble/hashes/sha2.js";

import { concat, hex, u32 } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";

const HASH_SIZE = 48;

/** An RSA public key. */
export interface RsaKey {
  readonly n: bigint;
  readonly e: bigint;
}

/** A key, request or answer that can't be right. The text says which. */
export class InvalidToken extends Error {
  override readonly name = "InvalidToken";
}

/** Return the number that big-endian bytes stand for. */
export function toNumber(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${hex(bytes)}`);
}

/** Return a number as `size` big-endian bytes. Throws InvalidToken when it needs more. */
export function toBytes(number: bigint, size: number): Bytes {
  const digits = number.toString(16).padStart(2 * size, "0");
  if (digits.length > 2 * size) throw new InvalidToken("a number is too large");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Return base^exponent mod n. Its time depends on the exponent, which is public everywhere in this file. */
export function power(base: bigint, exponent: bigint, n: bigint): bigint {
  let result = 1n;
  for (let square = base % n, left = exponent; left > 0n; left >>= 1n, square = (square * square) % n)
    if (left & 1n) result = (result * square) % n;
  return result;
}

/** Return the inverse of `number` modulo n, or null when they share a factor. */
export function inverse(number: bigint, n: bigint): bigint | null {
  let [r0, r1, s0, s1] = [n, number % n, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1];
  }
  if (r0 !== 1n) return null;
  return s0 < 0n ? s0 + n : s0;
}

/** Return the number of bytes of a key's modulus. */
export function modulusSize(key: RsaKey): number {
  return Math.ceil(bitLength(key.n) / 8);
}

/** Return EMSA-PSS-ENCODE(message, bit length of n - 1) with SHA-384 and MGF1 (RFC 8017 section 9.1.1). */
export function encode(key: RsaKey, message: Uint8Array, salt: Uint8Array): Bytes {
  const bits = bitLength(key.n) - 1;
  const size = Math.ceil(bits / 8);
  const hash = sha384(concat(new Uint8Array(8), sha384(message), salt));
  const block = concat(new Uint8Array(size - salt.length - HASH_SIZE - 2), Uint8Array.of(1), salt);
  const mask = mgf1(hash, block.length);
  const masked = block.map((byte, at) => byte ^ (mask[at] as number));
  masked[0] = (masked[0] as number) & (0xff >> (8 * size - bits));
  return concat(masked, hash, Uint8Array.of(0xbc));
}

/** Return the blinded message, as long as the modulus (RFC 9474 section 4.2).
 *
 *  `factor` is r, 1 < r < n, prime to n. Throws InvalidToken when message or factor share a factor with n.
 */
export function blind(key: RsaKey, message: Uint8Array, salt: Uint8Array, factor: bigint): Bytes {
  const encoded = toNumber(encode(key, message, salt));
  if (inverse(encoded, key.n) === null || inverse(factor, key.n) === null)
    throw new InvalidToken("the issuer's key has a small factor");
  return toBytes((encoded * power(factor, key.e, key.n)) % key.n, modulusSize(key));
}

/** Return the signature that unblinds the issuer's answer, once it verifies (RFC 9474 section 4.4).
 *
 *  The encoding is known here, so verifying is one comparison: s^e must be exactly it. Throws InvalidToken.
 */
export function finalize(
  key: RsaKey,
  message: Uint8Array,
  salt: Uint8Array,
  factor: bigint,
  blindSignature: Uint8Array,
): Bytes {
  const unblind = inverse(factor, key.n);
  if (blindSignature.length !== modulusSize(key) || unblind === null)
    throw new InvalidToken("the issuer's answer has the wrong length");
  const signature = (toNumber(blindSignature) * unblind) % key.n;
  if (power(signature, key.e, key.n) !== toNumber(encode(key, message, salt)))
    throw new InvalidToken("the issuer's answer is not a signature under its published key");
  return toBytes(signature, modulusSize(key));
}

/** Return the RSA key in a DER SubjectPublicKeyInfo. Throws InvalidToken unless n is odd with `bits` bits, e = 65537. */
export function readSpki(der: Uint8Array, bits = 2048): RsaKey {
  const outer = read(der, 0x30);
  const algorithm = read(outer.value, 0x30);
  const wrapped = read(algorithm.rest, 0x03);
  const numbers = read(wrapped.value.subarray(1), 0x30);
  const modulus = read(numbers.value, 0x02);
  const exponent = read(modulus.rest, 0x02);
  if (outer.rest.length || wrapped.rest.length || wrapped.value[0] !== 0 || numbers.rest.length || exponent.rest.length)
    throw new InvalidToken("an issuer's key is malformed");
  const key = { n: toNumber(modulus.value), e: toNumber(exponent.value) };
  if (bitLength(key.n) !== bits || !(key.n & 1n) || key.e !== 65537n)
    throw new InvalidToken(`an issuer's key is not RSA-${bits} with exponent 65537`);
  return key;
}

function read(der: Uint8Array, type: number): { value: Uint8Array; rest: Uint8Array } {
  let size = der[1] ?? 0;
  let at = 2;
  if (size > 0x80) {
    const bytes = size - 0x80;
    if (bytes > 2) throw new InvalidToken("an issuer's key is malformed");
    size = Number(toNumber(der.subarray(2, 2 + bytes)));
    at += bytes;
  }
  if (der[0] !== type || der.length < at + size) throw new InvalidToken("an issuer's key is malformed");
  return { value: der.subarray(at, at + size), rest: der.subarray(at + size) };
}

function bitLength(number: bigint): number {
  return number.toString(2).length;
}

function sha384(bytes: Uint8Array): Bytes {
  return new Uint8Array(nobleSha384(bytes));
}

function mgf1(seed: Uint8Array, size: number): Bytes {
  const blocks = Array.from({ length: Math.ceil(size / HASH_SIZE) }, (_, at) => sha384(concat(seed, u32(at))));
  return concat(...blocks).subarray(0, size);
}
