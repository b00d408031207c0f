/** The log as a browser checks it: roots, signatures, epochs, and a search that tells nobody what is looked for. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ed25519 } from "@noble/curves/ed25519.js";

import { NoAnswer } from "./api.ts";
import type { Fetch } from "./api.ts";
import { base64, concat, hex, unhex, utf8 } from "./bytes.ts";
import { fetchLog, findBallot, InvalidLog, isClosed, parseMark, readCheckpoint, rootOf } from "./log.ts";
import type { Manifest } from "./manifest.ts";
import { InvalidNote } from "./note.ts";
import { sha256 } from "./tags.ts";

const ORIGIN = "box.example/log/park";
const SECRET = sha256(utf8("the log"));
const CTX = sha256(utf8("ctx"));
const BALLOTS = [1, 2, 3, 4].map((number) => sha256(Uint8Array.of(number)));

function vkey(name: string, secret: Uint8Array, algorithm: number): { line: string; id: Uint8Array } {
  const typed = concat(Uint8Array.of(algorithm), ed25519.getPublicKey(secret));
  const id = sha256(utf8(`${name}\n`), typed).subarray(0, 4);
  return { line: `${name}+${hex(id)}+${base64(typed)}`, id };
}

function plain(text: string, name = ORIGIN, secret = SECRET): string {
  return `\u2014 ${name} ${base64(concat(vkey(name, secret, 1).id, ed25519.sign(utf8(text), secret)))}\n`;
}

function timed(text: string, at: number, name = ORIGIN, secret = SECRET): string {
  const stamp = unhex(at.toString(16).padStart(16, "0"));
  const signature = ed25519.sign(utf8(`cosignature/v1\ntime ${at}\n${text}`), secret);
  return `\u2014 ${name} ${base64(concat(vkey(name, secret, 4).id, stamp, signature))}\n`;
}

const MANIFEST = {
  log_origin: ORIGIN,
  log_vkey: vkey(ORIGIN, SECRET, 1).line,
  log_time_vkey: vkey(ORIGIN, SECRET, 4).line,
  policy: [`log ${vkey(ORIGIN, SECRET, 1).line}`, "quorum none"],
} as unknown as Manifest;

function checkpoint(entries: readonly Uint8Array[], at = 1_800_000_000): string {
  const text = `${ORIGIN}\n${entries.length}\n${base64(rootOf(entries))}\n`;
  return `${text}\n${plain(text)}${timed(text, at)}`;
}

const entry = (kind: number, digest: Uint8Array) => concat(Uint8Array.of(kind), digest);
const FIRST = [entry(3, CTX)];
const SECOND = [entry(1, BALLOTS[0] as Uint8Array), entry(1, BALLOTS[1] as Uint8Array)];
const THIRD = [entry(1, BALLOTS[2] as Uint8Array), entry(4, sha256(utf8("close")))];

/** A service that has these epochs and this checkpoint, and remembers what it was asked for. */
function serve(epochs: readonly (readonly Uint8Array[])[], note: string): { fetch: Fetch; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    fetch: async (url) => {
      asked.push(url);
      const number = /^\/api\/v1\/contests\/park\/log\/epoch\/(\d+)$/.exec(url)?.[1];
      if (url === "/api/v1/contests/park/log/checkpoint") return new Response(note);
      const block = number === undefined ? undefined : epochs[Number(number)];
      return block === undefined ? new Response("", { status: 404 }) : new Response(concat(...block));
    },
  };
}

test("roots are those of the published test tree of RFC 6962", () => {
  const leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(unhex);
  assert.equal(hex(rootOf([])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert.equal(hex(rootOf(leaves.slice(0, 1))), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  assert.equal(hex(rootOf(leaves.slice(0, 2))), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
  assert.equal(hex(rootOf(leaves)), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
});

test("a checkpoint needs the log's signature and its own time, and no line by a stranger", () => {
  const text = `${ORIGIN}\n1\n${base64(rootOf(FIRST))}\n`;
  const good = readCheckpoint(`${text}\n${plain(text)}${timed(text, 7)}`, MANIFEST);
  assert.deepEqual([good.size, hex(good.root), good.at], [1, hex(rootOf(FIRST)), 7]);
  const other = sha256(utf8("another"));
  for (const lines of [
    plain(text),
    timed(text, 7),
    plain(text) + timed(`${ORIGIN}\n2\n`, 7),
    plain(text, ORIGIN, other) + timed(text, 7),
    plain(text) + timed(text, 7) + plain(text, "stranger.example", other),
  ])
    assert.throws(() => readCheckpoint(`${text}\n${lines}`, MANIFEST), InvalidNote);
  for (const wrong of [text.replace(ORIGIN, "box.example/log/other"), text.replace("\n1\n", "\n01\n"), `${text}more\n`])
    assert.throws(() => readCheckpoint(`${wrong}\n${plain(wrong)}${timed(wrong, 7)}`, MANIFEST), InvalidNote);
});

test("a witness of the policy may sign as well", () => {
  const witness = sha256(utf8("witness"));
  const text = `${ORIGIN}\n1\n${base64(rootOf(FIRST))}\n`;
  const manifest = { ...MANIFEST, policy: [...MANIFEST.policy, `witness library ${vkey("library.example", witness, 4).line}`] };
  const note = `${text}\n${plain(text)}${timed(text, 7)}${timed(text, 9, "library.example", witness)}`;
  assert.equal(readCheckpoint(note, manifest).at, 7);
  assert.throws(() => readCheckpoint(note, MANIFEST), InvalidNote);
});

test("the whole log is fetched, and the ballot is found at its place", async () => {
  const { fetch, asked } = serve([FIRST, SECOND, THIRD], checkpoint([...FIRST, ...SECOND, ...THIRD]));
  const log = await fetchLog(fetch, "park", CTX, MANIFEST);
  assert.deepEqual(BALLOTS.map((digest) => findBallot(log, digest)), [1, 2, 3, null]);
  assert.equal(isClosed(log), true);
  // The manifest's digest is in the log, but not as a ballot.
  assert.equal(findBallot(log, CTX), null);
  assert.deepEqual(asked.map((url) => url.slice("/api/v1/contests/park/log/".length)), ["checkpoint", "epoch/0", "epoch/1", "epoch/2"]);
});

test("an epoch sealed after the checkpoint was fetched is left for the next time", async () => {
  const { fetch } = serve([FIRST, SECOND, THIRD], checkpoint([...FIRST, ...SECOND]));
  const log = await fetchLog(fetch, "park", CTX, MANIFEST);
  assert.equal(log.entries.length, 3);
  assert.equal(isClosed(log), false);
});

test("a log that was changed, cut or exchanged does not pass", async () => {
  const all = [...FIRST, ...SECOND, ...THIRD];
  const swapped = [...SECOND].reverse();
  const bad: [readonly (readonly Uint8Array[])[], string][] = [
    [[FIRST, swapped, THIRD], checkpoint(all)],
    [[FIRST, SECOND, [...THIRD, ...THIRD]], checkpoint(all)],
    [[FIRST, [(SECOND[0] as Uint8Array).subarray(1)], THIRD], checkpoint(all)],
    [[FIRST, [], SECOND, THIRD], checkpoint(all)],
    [[SECOND, FIRST], checkpoint([...SECOND, ...FIRST])],
  ];
  for (const [epochs, note] of bad)
    await assert.rejects(fetchLog(serve(epochs, note).fetch, "park", CTX, MANIFEST), InvalidLog);
  await assert.rejects(fetchLog(serve([FIRST], checkpoint(all)).fetch, "park", CTX, MANIFEST), NoAnswer);
});

test("a mark is read in the ways in which people paste it", () => {
  const digest = BALLOTS[0] as Uint8Array;
  const digits = hex(digest);
  for (const typed of [digits, digits.toUpperCase(), (digits.match(/.{4}/g) ?? []).join(" "), ` ${digits}\n`, base64(digest)])
    assert.deepEqual(parseMark(typed), digest, typed);
  for (const typed of ["", "mark", digits.slice(1), `${digits}0`, digits.replace(/.$/, "g"), base64(digest).slice(0, -1)])
    assert.equal(parseMark(typed), null, typed);
});
