/** Ranks: faults are named, moves close gaps, the order of options is stable and fair. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { findRankFaults, inOrder, move, ranked, shuffled } from "./ranking.ts";

const ORDER = ["a", "b", "c", "d"];

test("two seconds and a missing third are both named", () => {
  const ranks = new Map([["a", 1], ["b", 2], ["c", 2], ["d", 4]]);
  assert.deepEqual(findRankFaults(ranks, ORDER), [
    { kind: "twice", rank: 2, options: ["b", "c"] },
    { kind: "gap", rank: 4, missing: 3, free: 3, option: "d" },
  ]);
  assert.deepEqual(findRankFaults(new Map([["c", 4]]), ORDER), [
    { kind: "gap", rank: 4, missing: 3, free: 1, option: "c" },
  ]);
  assert.deepEqual(findRankFaults(new Map([["c", 1], ["a", 2]]), ORDER), []);
});

test("Up ranks, swaps, and says when it can't", () => {
  const start = new Map([["a", 1], ["b", 2]]);
  assert.deepEqual([...move(start, ORDER, "b", "up", 3).ranks], [["b", 1], ["a", 2]]);
  assert.deepEqual(ranked(move(start, ORDER, "c", "up", 3).ranks, ORDER), ["a", "b", "c"]);
  assert.equal(move(start, ORDER, "a", "up", 3).result, "first");
  assert.equal(move(start, ORDER, "c", "up", 2).result, "full");
  assert.equal(move(start, ORDER, "b", "down", 3).result, "last");
  assert.equal(move(start, ORDER, "c", "down", 3).result, "unranked");
  assert.deepEqual([...move(start, ORDER, "a", "down", 3).ranks], [["b", 1], ["a", 2]]);
});

test("a move closes gaps and doubled ranks", () => {
  const messy = new Map([["a", 2], ["b", 2], ["d", 5]]);
  assert.deepEqual([...move(messy, ORDER, "d", "up", 5).ranks], [["a", 1], ["d", 2], ["b", 3]]);
});

test("put in order keeps those without a rank where they stood", () => {
  assert.deepEqual(inOrder(new Map([["c", 1], ["a", 2]]), ORDER), ["c", "a", "b", "d"]);
});

test("the order is the same for the same device, whatever order the page had", () => {
  assert.deepEqual(shuffled(ORDER, 7), shuffled([...ORDER].reverse(), 7));
});

test("every option is first on about as many devices", () => {
  const first = new Map<string, number>();
  for (let seed = 0; seed < 8000; seed++) {
    const id = shuffled(ORDER, Math.imul(seed, 2654435761))[0] as string;
    first.set(id, (first.get(id) ?? 0) + 1);
  }
  // 2,000 expected; six standard deviations are 232.
  for (const id of ORDER) assert.ok(Math.abs((first.get(id) ?? 0) - 2000) < 232, `${id}: ${first.get(id)}`);
});
