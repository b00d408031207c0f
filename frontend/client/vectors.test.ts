/** Blind signatures and tokens against the published vectors of RFC 9474 and RFC 9578. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { blind, encode, finalize, InvalidToken, readSpki, toBytes, toNumber } from "./blind.ts";
import { base64, concat, hex, unbase64, unhex } from "./bytes.ts";
import { sha256 } from "./tags.ts";
import { tokenInput } from "./tokens.ts";

const FOLDER = new URL("../../../shared/vectors/", import.meta.url);
const absent = existsSync(FOLDER) ? false : "the folder ../shared/vectors is absent";

function read(name: string): Record<string, string>[] {
  return JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as Record<string, string>[];
}

function number(digits: string | undefined): bigint {
  return BigInt(digits ?? "");
}

test("RFC 9474 appendix A: encoding, blinding and finalizing give the published bytes", { skip: absent }, () => {
  const vectors = read("rfc9474.json");
  assert.equal(vectors.length, 4);
  for (const vector of vectors) {
    const key = { n: number(vector["n"]), e: number(vector["e"]) };
    const message = unhex(vector["input_msg"] ?? "");
    const salt = unhex(vector["salt"] ?? "");
    const unblind = number(vector["inv"]);
    // The vectors hold the inverse of r.
    const factor = invert(unblind, key.n);
    // The file gives the encoding of the two deterministic variants only.
    if ("encoded_msg" in vector) assert.equal(hex(encode(key, message, salt)), vector["encoded_msg"], vector["name"]);
    assert.equal(hex(blind(key, message, salt, factor)), vector["blinded_msg"], vector["name"]);
    const signature = finalize(key, message, salt, factor, unhex(vector["blind_sig"] ?? ""));
    assert.equal(hex(signature), vector["sig"], vector["name"]);
  }
});

test("RFC 9578 type 2: request and token of all five vectors", { skip: absent }, () => {
  const vectors = read("rfc9578_type2.json");
  assert.equal(vectors.length, 5);
  for (const vector of vectors) {
    const spki = unhex(vector["pkS"] ?? "");
    const key = readSpki(spki);
    const input = tokenInput(unhex(vector["nonce"] ?? ""), unhex(vector["token_challenge"] ?? ""), spki);
    const salt = unhex(vector["salt"] ?? "");
    const factor = toNumber(unhex(vector["blind"] ?? ""));
    const request = concat(Uint8Array.of(0, 2), sha256(spki).subarray(31), blind(key, input, salt, factor));
    assert.equal(hex(request), vector["token_request"]);
    const token = finalize(key, input, salt, factor, unhex(vector["token_response"] ?? ""));
    assert.equal(hex(concat(input, token)), vector["token"]);
  }
});

test("an answer under another key is refused", { skip: absent }, () => {
  const [vector] = read("rfc9578_type2.json") as [Record<string, string>];
  const spki = unhex(vector["pkS"] ?? "");
  const key = readSpki(spki);
  const input = tokenInput(unhex(vector["nonce"] ?? ""), unhex(vector["token_challenge"] ?? ""), spki);
  const response = unhex(vector["token_response"] ?? "");
  response[7] = (response[7] as number) ^ 1;
  const factor = toNumber(unhex(vector["blind"] ?? ""));
  assert.throws(() => finalize(key, input, unhex(vector["salt"] ?? ""), factor, response), InvalidToken);
});

test("a key with another exponent or an even modulus is refused", { skip: absent }, () => {
  const [vector] = read("rfc9578_type2.json") as [Record<string, string>];
  const good = unhex(vector["pkS"] ?? "");
  const exponent = good.slice();
  exponent[exponent.length - 1] = 3;
  assert.throws(() => readSpki(exponent), InvalidToken);
  const even = good.slice();
  even[even.length - 6] = (even[even.length - 6] as number) & 0xfe;
  assert.throws(() => readSpki(even), InvalidToken);
  assert.throws(() => readSpki(concat(good, Uint8Array.of(0))), InvalidToken);
});

test("base64 and hex accept only their one canonical spelling", () => {
  assert.equal(base64(unbase64("QQ==")), "QQ==");
  for (const spelling of ["QR==", "QQ", "Q Q==", "QQ==\n", "_w=="]) assert.throws(() => unbase64(spelling), RangeError);
  for (const digits of ["A0", "a", "0x00", "zz"]) assert.throws(() => unhex(digits), RangeError);
  assert.throws(() => toBytes(256n, 1), InvalidToken);
});

function invert(value: bigint, n: bigint): bigint {
  let [r0, r1, s0, s1] = [n, value % n, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1];
  }
  return ((s0 % n) + n) % n;
}
