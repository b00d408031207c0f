/** Was my code used? Asked with the code's signature; after the close searched in what is published. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ed25519 } from "@noble/curves/ed25519.js";

import { NoAnswer, Refused } from "./api.ts";
import type { Fetch } from "./api.ts";
import { concat, hex, unbase64, unhex, utf8 } from "./bytes.ts";
import { codeGroups, parseCode, rollKey } from "./code.ts";
import { lookUp } from "./lookup.ts";
import type { Manifest } from "./manifest.ts";
import { sha256, tag } from "./tags.ts";

const CODE = parseCode(codeGroups(Uint8Array.from([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])));
const CTX = sha256(utf8("ctx"));
const MANIFEST = { roll_id: "00".repeat(16) } as unknown as Manifest;
const ROLL_PK = hex(rollKey(CODE, new Uint8Array(16)).pk);
const ISSUER = { url: "https://issuer.example", host: "issuer.example" };
const CLOSED = { "https://issuer.example/api/v1/contests/park/issued": problem(409, "contest-not-open") };

function problem(status: number, slug: string): () => Response {
  return () => Response.json({ type: `/problems/${slug}`, detail: slug }, { status });
}

function serve(answers: Record<string, (init: RequestInit) => Response>): Fetch {
  return async (url, init) => {
    const answer = answers[url];
    assert.ok(answer, `nobody should ask for ${url}`);
    return answer(init);
  };
}

function ask(fetch: Fetch): Promise<string> {
  return lookUp(fetch, "park", CTX, MANIFEST, ISSUER, CODE).then(({ state, rollPk }) => {
    assert.equal(rollPk, ROLL_PK);
    return state;
  });
}

test("the issuer is asked with a signature made by the code, and never told the code", async () => {
  const answers = [
    [{ issued: true, voided: false, requests: ["00"] }, "used"],
    [{ issued: false, voided: false, requests: [] }, "unused"],
    [{ issued: false, voided: true, requests: [] }, "voided"],
  ] as const;
  for (const [answer, state] of answers) {
    const fetch = serve({
      "https://issuer.example/api/v1/contests/park/issued": (init) => {
        const body = JSON.parse(String(init.body)) as Record<string, string>;
        assert.ok(ed25519.verify(unbase64(body["sig"] ?? ""), concat(tag("lookup"), CTX), unhex(ROLL_PK)));
        assert.ok(!String(init.body).includes(hex(CODE)));
        assert.equal(init.credentials, "omit");
        return Response.json(answer);
      },
    });
    assert.equal(await ask(fetch), state);
  }
});

test("a code that is on no roll is unknown; other refusals and strange answers are not taken for one", async () => {
  const url = "https://issuer.example/api/v1/contests/park/issued";
  assert.equal(await ask(serve({ [url]: problem(403, "code-unknown") })), "unknown");
  await assert.rejects(ask(serve({ [url]: problem(503, "too-busy") })), Refused);
  await assert.rejects(ask(serve({ [url]: () => Response.json({ issued: "no" }) })), NoAnswer);
});

test("after the close the published issuances, notices and roll are searched here", async () => {
  const base = "/api/v1/contests/park";
  const texts = (notices: string[], entries: string, roll: string) => ({
    ...CLOSED,
    [`${base}/notices`]: () => Response.json(notices),
    [`${base}/files/issuance/issuer.example/entries.jsonl`]: () => new Response(entries),
    [`${base}/roll`]: () => new Response(roll),
  });
  const other = `{"roll_pk":"${"0".repeat(64)}"}\n`;
  const mine = `{"roll_pk":"${ROLL_PK}"}\n`;
  const line = `${ROLL_PK}000000\n`;
  assert.equal(await ask(serve(texts([], other + mine, line))), "used");
  assert.equal(await ask(serve(texts([], other, line))), "unused");
  assert.equal(await ask(serve(texts([], other, `0${line}`))), "unknown");
  assert.equal(await ask(serve(texts([`weighin/v1/notice\n${mine}`], mine, line))), "voided");
});
