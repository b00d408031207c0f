/** Bytes and their spellings: hex, base64, UTF-8, and the length prefixes of the protocol (section 2). */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Bytes with a plain buffer behind them, as WebCrypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Return the UTF-8 bytes of a text. */
export function utf8(text: string): Bytes {
  return new Uint8Array(encoder.encode(text));
}

/** Return the text that UTF-8 bytes spell. Throws a TypeError when they spell none. */
export function text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Return all parts, one after the other. */
export function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Return lower-case hex digits, two for each byte. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Return the bytes of hex digits. Throws a RangeError unless `digits` is lower-case hex of even length. */
export function unhex(digits: string): Bytes {
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new RangeError("not lower-case hex");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Return standard base64 with padding. */
export function base64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Return the bytes of standard base64. Throws a RangeError unless it is the one canonical spelling of them. */
export function unbase64(spelling: string): Bytes {
  let bytes: Bytes | null = null;
  try {
    bytes = Uint8Array.from(atob(spelling), (letter) => letter.charCodeAt(0));
  } catch {
    bytes = null;
  }
  if (bytes === null || base64(bytes) !== spelling) throw new RangeError("not canonical base64");
  return bytes;
}

/** Return a number as two bytes, big-endian. */
export function u16(number: number): Bytes {
  return Uint8Array.of(number >>> 8, number & 255);
}

/** Return a number as four bytes, big-endian. */
export function u32(number: number): Bytes {
  return Uint8Array.of(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255);
}

/** Return bytes behind their length as u32. */
export function lp(bytes: Uint8Array): Bytes {
  return concat(u32(bytes.length), bytes);
}

/** Whether two byte strings are the same. Not in constant time: compare public values only. */
export function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
