/** Canonical JSON, codes, choices and notes: what is accepted, what is refused, and fixed values. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ed25519 } from "@noble/curves/ed25519.js";

import { base64, concat, hex, unhex, utf8 } from "./bytes.ts";
import { canonical, decodeCanonical } from "./canonical.ts";
import { encodeChoices, findFault } from "./choices.ts";
import { codeGroups, fold, parseCode, parsePhrase, phraseGroups, rollKey, WrongCode } from "./code.ts";
import { InvalidNote, openNote, readVerifierKey } from "./note.ts";
import { readPromise } from "./promise.ts";
import { derive, sha256, tag, taggedHash } from "./tags.ts";

test("canonical JSON sorts keys, leaves no spaces and escapes as RFC 8785", () => {
  assert.equal(canonical({ b: [1, true, null], a: 'é "q" \\ /' }), '{"a":"é \\"q\\" \\\\ /","b":[1,true,null]}');
  assert.deepEqual(decodeCanonical('{"a":1}'), { a: 1 });
});

test("what has two spellings has no canonical one", () => {
  for (const value of [0.5, -0, 2 ** 53, NaN, "a\nb", "e\u0301", "\ud800", { "a b": 1 }])
    assert.throws(() => canonical(value), RangeError, String(value));
  for (const source of ['{"a":1,"a":1}', '{"b":1,"a":1}', '{"a": 1}', '{"a":1.0}', '{"a":"\\u0041"}'])
    assert.throws(() => decodeCanonical(source), RangeError, source);
});

test("a tag is ASCII and a zero byte; HKDF without salt is RFC 5869 test case 3", () => {
  assert.equal(hex(tag("leaf")), hex(concat(utf8("weighin/v1/leaf"), Uint8Array.of(0))));
  assert.equal(hex(taggedHash("leaf", utf8("x"))), hex(sha256(utf8("weighin/v1/leaf\0x"))));
  assert.equal(
    hex(derive(unhex("0b".repeat(22)), new Uint8Array(), 42)),
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  );
});

test("a code survives being typed by hand", () => {
  const code = Uint8Array.from([0, 17, 34, 51, 68, 85, 102, 119, 136, 153]);
  const groups = codeGroups(code);
  assert.deepEqual(groups.map((group) => group.length), [5, 5, 5, 5]);
  const typed = groups.join("-").toLowerCase().replaceAll("0", "o").replaceAll("1", "l");
  assert.deepEqual(parseCode(typed), code);
  assert.deepEqual(parseCode(groups), code);
  assert.equal(fold(" i-L o\u200e"), "110");
});

test("the check character is alphabet[(d1 + 3 d2 + 5 d3 + 7 d4 + 9 g) mod 32]", () => {
  // All data zero: 9, 18, 27, 36 mod 32 = 4.
  assert.deepEqual(codeGroups(new Uint8Array(10)), ["00009", "0000J", "0000V", "00004"]);
});

test("a slip names its own group, and only it", () => {
  const groups = codeGroups(Uint8Array.from([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]));
  for (let at = 0; at < 4; at++)
    for (let place = 0; place < 5; place++) {
      const group = groups[at] as string;
      const other = group[place] === "7" ? "8" : "7";
      const slip = groups.with(at, group.slice(0, place) + other + group.slice(place + 1));
      assert.throws(() => parseCode(slip), (error: WrongCode) => error.groups.size === 1 && error.groups.get(at + 1) === "check");
    }
  assert.throws(() => parseCode(groups.with(2, "")), (error: WrongCode) => error.groups.get(3) === "empty");
  assert.throws(() => parseCode(groups.with(1, "12")), (error: WrongCode) => error.groups.get(2) === "length");
  assert.throws(() => parseCode(groups.with(0, "U1111")), (error: WrongCode) => error.groups.get(1) === "letters");
  assert.throws(() => parseCode(`${groups.join("")}7`), WrongCode);
  // Swapped groups: the group's number is part of its check.
  assert.throws(() => parseCode([groups[1], groups[0], groups[2], groups[3]] as string[]), WrongCode);
});

test("a recovery phrase is the seed in 13 groups", () => {
  const seed = sha256(utf8("seed"));
  const phrase = phraseGroups(seed);
  assert.equal(phrase.length, 13);
  assert.deepEqual(parsePhrase(phrase.join(" ")), seed);
});

test("two contests on one letter share the roll key of a code, two letters do not", () => {
  const code = new Uint8Array(10);
  const key = rollKey(code, new Uint8Array(16));
  assert.equal(hex(key.pk), hex(ed25519.getPublicKey(key.secret)));
  assert.notEqual(hex(rollKey(code, Uint8Array.from({ length: 16 }, () => 1)).pk), hex(key.pk));
});

const RANKED = {
  options: [{ id: "a" }, { id: "b" }, { id: "c" }],
  ballot: { kind: "ranking", max_ranks: 2, equal: false },
} as const;
const COSTS = [
  { id: "a", cost: 60 },
  { id: "b", cost: 50 },
] as const;

test("choices are refused for the reasons of protocol section 10", () => {
  assert.equal(findFault({ ranking: ["b", "a"] }, RANKED), null);
  assert.equal(findFault({ ranking: [] }, RANKED), null);
  assert.equal(findFault({ ranking: ["a", "b", "c"] }, RANKED), "too_many");
  assert.equal(findFault({ ranking: ["a", "a"] }, RANKED), "repeated");
  assert.equal(findFault({ ranking: ["x"] }, RANKED), "unknown");
  assert.equal(findFault({ ranking: [["a", "b"]] }, RANKED), "form");
  assert.equal(findFault({ approved: ["a"] }, RANKED), "form");
  const knapsack = { options: COSTS, budget: 100, ballot: { kind: "knapsack" } } as const;
  assert.equal(findFault({ approved: ["a"] }, knapsack), null);
  assert.equal(findFault({ approved: ["a", "b"] }, knapsack), "over_budget");
  const approval = { options: COSTS, ballot: { kind: "approval", max_choices: 1 } } as const;
  assert.equal(findFault({ approved: ["a", "b"] }, approval), "too_many");
  const points = { options: COSTS, ballot: { kind: "points", points: 10, step: 5 } } as const;
  assert.equal(findFault({ alloc: [["a", 5], ["b", 5]] }, points), null);
  assert.equal(findFault({ alloc: [["a", 3]] }, points), "points");
  assert.equal(findFault({ alloc: [["a", 10], ["b", 5]] }, points), "points");
  const score = { options: COSTS, ballot: { kind: "score", max_score: 3 } } as const;
  assert.equal(findFault({ scores: [["a", 4]] }, score), "points");
});

test("choices have one spelling, whatever order they were made in", () => {
  assert.equal(encodeChoices({ approved: ["b", "a"] }), '{"approved":["a","b"]}');
  assert.equal(encodeChoices({ ranking: ["c", ["b", "a"]] }), '{"ranking":["c",["a","b"]]}');
  assert.equal(encodeChoices({ alloc: [["b", 2], ["a", 1], ["c", 0]] }), '{"alloc":[["a",1],["b",2]]}');
});

const SECRET = sha256(utf8("a signer"));

function verifierKey(name: string, secret: Uint8Array): { vkey: string; id: Uint8Array } {
  const typed = concat(Uint8Array.of(1), ed25519.getPublicKey(secret));
  const id = sha256(utf8(`${name}\n`), typed).subarray(0, 4);
  return { vkey: `${name}+${hex(id)}+${base64(typed)}`, id };
}

function sign(message: string, name: string, secret: Uint8Array): string {
  return `\u2014 ${name} ${base64(concat(verifierKey(name, secret).id, ed25519.sign(utf8(message), secret)))}\n`;
}

test("the verifier key of golang.org/x/mod's note example is read", () => {
  const key = readVerifierKey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  assert.equal(key.name, "PeterNeumann");
  assert.throws(() => readVerifierKey("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), InvalidNote);
  const note =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
  assert.match(openNote(note, ["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"]), /^If you think/);
});

test("a note needs its threshold, and no line by a stranger", () => {
  const message = "weighin/v1/test\nbody\n";
  const other = sha256(utf8("another"));
  const [a, b] = [verifierKey("a.example", SECRET).vkey, verifierKey("b.example", other).vkey];
  const byA = sign(message, "a.example", SECRET);
  const byB = sign(message, "b.example", other);
  assert.equal(openNote(`${message}\n${byA}`, [a, b]), message);
  assert.equal(openNote(`${message}\n${byA}${byB}`, [a, b], 2), message);
  assert.throws(() => openNote(`${message}\n${byA}`, [a, b], 2), InvalidNote);
  assert.throws(() => openNote(`${message}\n${byA}${byA}`, [a, b], 2), InvalidNote);
  assert.throws(() => openNote(`${message}\n${byA}${byB}`, [a]), InvalidNote);
  assert.throws(() => openNote(`${message.replace("body", "bodY")}\n${byA}`, [a]), InvalidNote);
});

test("a promise is about one contest and one ballot", () => {
  const { vkey } = verifierKey("box.example/promise", SECRET);
  const [ctx, digest] = [sha256(utf8("ctx")), sha256(utf8("digest"))];
  const message = `weighin/v1/promise\n${hex(ctx)}\n${base64(digest)}\n1800000000\n`;
  const note = `${message}\n${sign(message, "box.example/promise", SECRET)}`;
  assert.equal(readPromise(note, vkey, ctx, digest).includeBy, 1800000000);
  assert.throws(() => readPromise(note, vkey, digest, digest), InvalidNote);
  assert.throws(() => readPromise(note, vkey, ctx, ctx), InvalidNote);
  const longer = message + "more\n";
  assert.throws(
    () => readPromise(`${longer}\n${sign(longer, "box.example/promise", SECRET)}`, vkey, ctx, digest),
    InvalidNote,
  );
});
