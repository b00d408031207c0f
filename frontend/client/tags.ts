/** Domain separation: every hash and signature says what it is for (protocol section 2). */

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

import { concat, utf8 } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";

/** The registered tags this side uses. No tag is ever used for two layouts. */
export type Tag = "manifest" | "voter" | "choices" | "leaf" | "issue" | "lookup" | "ballot" | "seal" | "roll";

/** Return the prefix of everything hashed or signed under a name: ASCII text and a zero byte. */
export function tag(name: Tag): Bytes {
  return utf8(`weighin/v1/${name}\0`);
}

/** Return SHA-256, 32 bytes. */
export function sha256(...parts: Uint8Array[]): Bytes {
  return new Uint8Array(nobleSha256(concat(...parts)));
}

/** Return SHA-256 of the tag and the parts, 32 bytes. */
export function taggedHash(name: Tag, ...parts: Uint8Array[]): Bytes {
  return sha256(tag(name), ...parts);
}

/** Return `size` bytes of HKDF-SHA256 without salt (RFC 5869). */
export function derive(secret: Uint8Array, info: Uint8Array, size: number): Bytes {
  return new Uint8Array(hkdf(nobleSha256, secret, undefined, info, size));
}
