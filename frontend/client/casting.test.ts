/** The whole story against an issuer and a box in miniature, with answers lost, late and refused. */

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { test } from "node:test";

import { ed25519 } from "@noble/curves/ed25519.js";
import { Aes128Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";

import { NoAnswer, Refused } from "./api.ts";
import { commitTo, sealInfo } from "./ballot.ts";
import { InvalidToken, power, toBytes, toNumber } from "./blind.ts";
import { base64, concat, hex, text, unbase64, unhex, utf8 } from "./bytes.ts";
import { canonical } from "./canonical.ts";
import type { Json } from "./canonical.ts";
import { cast, fetchManifest, IllegalChoices, obtainToken } from "./casting.ts";
import type { Places, World } from "./casting.ts";
import { codeGroups, parseCode, rollKey } from "./code.ts";
import { contestId } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { InvalidNote } from "./note.ts";
import { DeviceStore, deviceNumber, memoryShelf } from "./storage.ts";
import { sha256, tag } from "./tags.ts";
import { voterFrom } from "./voter.ts";

const CODE = parseCode(codeGroups(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])));
const SIGNERS = { authority: secretOf("authority"), box: secretOf("box") };
const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
const JWK = RSA.privateKey.export({ format: "jwk" });
const N = toNumber(Buffer.from(JWK.n ?? "", "base64url"));
const D = toNumber(Buffer.from(JWK.d ?? "", "base64url"));
const SUITE = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
const SEAL = await SUITE.kem.generateKeyPair();

function secretOf(name: string): Uint8Array {
  return sha256(utf8(name));
}

function vkey(name: string, secret: Uint8Array): { line: string; id: Uint8Array } {
  const typed = concat(Uint8Array.of(1), ed25519.getPublicKey(secret));
  const id = sha256(utf8(`${name}\n`), typed).subarray(0, 4);
  return { line: `${name}+${hex(id)}+${base64(typed)}`, id };
}

function signNote(message: string, name: string, secret: Uint8Array): string {
  return `${message}\n\u2014 ${name} ${base64(concat(vkey(name, secret).id, ed25519.sign(utf8(message), secret)))}\n`;
}

const MANIFEST = {
  type: "weighin/v1/manifest",
  slug: "park",
  options: [{ id: "oak" }, { id: "elm" }],
  ballot: { kind: "ranking", max_ranks: 2, equal: false },
  pad: 64,
  classes: [{ id: "open" }, { id: "resident" }],
  roll_id: "00".repeat(16),
  issuers: [
    {
      host: "issuer.example",
      spki: { open: otherSpki(), resident: base64(RSA.publicKey.export({ type: "spki", format: "der" })) },
    },
  ],
  box_host: "box.example",
  box_vkey: vkey("box.example/promise", SIGNERS.box).line,
  seal_key: base64(new Uint8Array(await SUITE.kem.serializePublicKey(SEAL.publicKey))),
  max_rev: 100,
  body_size: 2048,
  authority: { keys: [vkey("authority.example", SIGNERS.authority).line], threshold: 1 },
} satisfies Json;
const CJ = canonical(MANIFEST);
const CTX = contestId(CJ);
const NOTE = signNote(`weighin/v1/manifest\n${CJ}\n`, "authority.example", SIGNERS.authority);
const PLACES: Places = { id: "park", ctx: CTX, box: "https://box.example", issuers: ["https://issuer.example"] };

function otherSpki(): string {
  return base64(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "der" }));
}

/** An issuer and a box that keep the rules of protocol sections 5 and 8, and can lose answers. */
class Service {
  readonly bodies: string[] = [];
  readonly issued: string[] = [];
  readonly log: { choices: string; rev: number }[] = [];
  lose = 0;
  wrongKey = false;
  #last = { header: "", rev: 0, promise: "" };
  #answers = new Map<string, string>();

  world(): World {
    return {
      fetch: (url, init) => this.#answer(url, init),
      random: (size) => new Uint8Array(randomBytes(size)),
      wait: () => Promise.resolve(),
    };
  }

  supersede(rev: number): void {
    this.#last = { header: "from another device", rev, promise: "" };
  }

  async #answer(url: string, init: RequestInit): Promise<Response> {
    assert.equal(init.credentials, "omit");
    assert.equal(init.referrerPolicy, "no-referrer");
    assert.equal(init.cache, "no-store");
    if (url.endsWith("/manifest")) return new Response(NOTE);
    const body = String(init.body);
    assert.equal(canonical(JSON.parse(body) as Json), body);
    const answer = url.endsWith("/issue") ? this.#issue(body) : await this.#cast(body);
    if (this.lose > 0) {
      this.lose--;
      throw new TypeError("the connection broke");
    }
    return answer;
  }

  #issue(body: string): Response {
    const ask = JSON.parse(body) as Record<string, string> & { hashes: string[] };
    if (ask["cls"] !== "resident") return problem(403, "code-unknown");
    const request = unbase64(ask["request"] as string);
    const message = concat(tag("issue"), CTX, ...ask.hashes.map(unhex));
    assert.ok(ed25519.verify(unbase64(ask["sig"] as string), message, unhex(ask["roll_pk"] as string)));
    assert.equal(ask.hashes[0], hex(sha256(request)));
    const known = this.#answers.get(ask["roll_pk"] as string);
    if (known !== undefined && known !== body) return problem(409, "code-used");
    this.#answers.set(ask["roll_pk"] as string, body);
    this.issued.push(body);
    const signature = power(toNumber(request.subarray(3)), this.wrongKey ? 3n : D, N);
    return Response.json({ response: base64(toBytes(signature, 256)) });
  }

  async #cast(body: string): Promise<Response> {
    this.bodies.push(body);
    assert.equal(utf8(body).length, MANIFEST.body_size);
    const request = JSON.parse(body) as { header: string; sealed: string; sig: string; pad: string };
    const header = JSON.parse(request.header) as { pk: string; rev: number; commit: string; seal: string; tok: string[] };
    const [sealed, signature, pk] = [unbase64(request.sealed), unbase64(request.sig), unhex(header.pk)];
    assert.ok(ed25519.verify(signature, concat(tag("ballot"), utf8(request.header)), pk));
    assert.equal(createHash("sha256").update(sealed).digest("hex"), header.seal);
    assert.equal(header.tok.length, 1);
    if (request.header === this.#last.header) return Response.json({ promise: this.#last.promise });
    if (header.rev <= this.#last.rev) return problem(409, "ballot-superseded", { last_rev: this.#last.rev });
    const opened = new Uint8Array(
      await SUITE.open(
        {
          recipientKey: SEAL.privateKey,
          enc: sealed.slice(0, 65).buffer,
          info: sealInfo({ ctx: CTX, pk, seed: pk, secret: pk }, header.rev, unhex(header.commit)).buffer,
        },
        sealed.slice(65).buffer,
      ),
    );
    assert.equal(opened.length, 32 + MANIFEST.pad);
    this.log.push({ choices: text(opened.subarray(32)).trimEnd(), rev: header.rev });
    const size = Buffer.alloc(4);
    size.writeUInt32BE(utf8(request.header).length);
    const digest = sha256(tag("leaf"), size, utf8(request.header), signature);
    const message = `weighin/v1/promise\n${hex(CTX)}\n${base64(digest)}\n1800000000\n`;
    this.#last = { header: request.header, rev: header.rev, promise: signNote(message, "box.example/promise", SIGNERS.box) };
    return Response.json({ promise: this.#last.promise });
  }
}

function problem(status: number, slug: string, more: object = {}): Response {
  const body = { type: `/problems/${slug}`, title: slug, status, detail: "", ...more };
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/problem+json" } });
}

async function start(): Promise<{ service: Service; store: DeviceStore; manifest: Manifest; world: World }> {
  const service = new Service();
  const world = service.world();
  return { service, world, store: new DeviceStore(memoryShelf(), hex(CTX)), manifest: await fetchManifest(world, PLACES) };
}

test("a code becomes a token, a ranking becomes a promised ballot", async () => {
  const { service, world, store, manifest } = await start();
  const record = await obtainToken(world, PLACES, manifest, store, CODE, "letter");
  assert.equal(record.cls, "resident");
  const { promised, record: after } = await cast(world, PLACES, manifest, store, record, { ranking: ["elm", "oak"] });
  assert.deepEqual(service.log, [{ choices: '{"ranking":["elm","oak"]}', rev: 1 }]);
  assert.equal(promised.includeBy, 1800000000);
  assert.deepEqual([after.rev, after.pending], [1, null]);
  const again = await cast(world, PLACES, manifest, store, after, { ranking: ["oak"] });
  assert.equal(again.record.rev, 2);
  assert.equal(service.issued.length, 1);
});

test("the request is as long for an empty ballot as for a full one", async () => {
  const { service, world, store, manifest } = await start();
  const record = await obtainToken(world, PLACES, manifest, store, CODE, "letter");
  const first = await cast(world, PLACES, manifest, store, record, { ranking: [] });
  await cast(world, PLACES, manifest, store, first.record, { ranking: ["oak", "elm"] });
  assert.deepEqual(service.bodies.map((body) => utf8(body).length), [2048, 2048]);
});

test("a lost answer of the issuer is asked for with the very same bytes, also after a reload", async () => {
  const { service, world, store, manifest } = await start();
  service.lose = 2;
  await assert.rejects(obtainToken(world, PLACES, manifest, store, CODE, "letter"), NoAnswer);
  await obtainToken(world, PLACES, manifest, store, CODE, "letter");
  assert.equal(new Set(service.issued).size, 1);
});

test("a ballot without a promise is stored before it is sent and resent byte for byte", async () => {
  const { service, world, store, manifest } = await start();
  const record = await obtainToken(world, PLACES, manifest, store, CODE, "letter");
  service.lose = 2;
  await assert.rejects(cast(world, PLACES, manifest, store, record, { ranking: ["oak"] }), NoAnswer);
  const kept = store.find(record.rollPk);
  assert.equal(kept?.pending?.body, service.bodies[0]);
  const { record: after } = await cast(world, PLACES, manifest, store, kept as NonNullable<typeof kept>, { ranking: ["elm"] });
  assert.deepEqual(service.bodies.slice(0, 3).map((body) => body === service.bodies[0]), [true, true, true]);
  assert.deepEqual(service.log.map(({ rev }) => rev), [1, 2]);
  assert.equal(after.rev, 2);
});

test("after a vote on another device the next revision is used", async () => {
  const { service, world, store, manifest } = await start();
  const record = await obtainToken(world, PLACES, manifest, store, CODE, "letter");
  service.supersede(7);
  const { record: after } = await cast(world, PLACES, manifest, store, record, { ranking: ["oak"] });
  assert.equal(after.rev, 8);
});

test("a code used on another device is refused, and nothing is cast", async () => {
  const { service, world, store, manifest } = await start();
  await obtainToken(world, PLACES, manifest, store, CODE, "letter");
  const elsewhere = new DeviceStore(memoryShelf(), hex(CTX));
  await assert.rejects(
    obtainToken(world, PLACES, manifest, elsewhere, CODE, "letter"),
    (error: Refused) => error.slug === "code-used",
  );
  assert.equal(service.bodies.length, 0);
});

test("an issuer that signs under another key is caught", async () => {
  const { service, world, store, manifest } = await start();
  service.wrongKey = true;
  await assert.rejects(obtainToken(world, PLACES, manifest, store, CODE, "letter"), InvalidToken);
  assert.deepEqual(store.records().map(({ tokens }) => tokens.length), [0]);
});

test("choices outside the rules are never sent", async () => {
  const { service, world, store, manifest } = await start();
  const record = await obtainToken(world, PLACES, manifest, store, CODE, "letter");
  await assert.rejects(cast(world, PLACES, manifest, store, record, { ranking: ["oak", "oak"] }), IllegalChoices);
  assert.equal(service.bodies.length, 0);
});

test("a manifest of another contest or with a changed letter is refused", async () => {
  const { world } = await start();
  await assert.rejects(fetchManifest(world, { ...PLACES, ctx: sha256(utf8("other")) }), InvalidNote);
  const changed = CJ.replace("issuer.example", "issuez.example");
  const note = signNote(`weighin/v1/manifest\n${CJ}\n`, "authority.example", SIGNERS.authority).replace(CJ, changed);
  const fake: World = { ...world, fetch: () => Promise.resolve(new Response(note)) };
  await assert.rejects(fetchManifest(fake, { ...PLACES, ctx: contestId(changed) }), InvalidNote);
});

test("two codes on one device keep two records, and forgetting leaves none", async () => {
  const { world, store, manifest } = await start();
  await obtainToken(world, PLACES, manifest, store, CODE, "letter");
  await obtainToken(world, PLACES, manifest, store, new Uint8Array(10), "letter");
  store.saveDraft({ a: 1 });
  assert.equal(store.records().length, 2);
  assert.notEqual(store.records()[0]?.seed, store.records()[1]?.seed);
  store.forget();
  assert.deepEqual([store.records(), store.draft()], [[], null]);
});

test("a device that keeps nothing sends nothing", async () => {
  const { service, world, manifest } = await start();
  const shelf = { ...memoryShelf(), setItem: () => undefined };
  await assert.rejects(obtainToken(world, PLACES, manifest, new DeviceStore(shelf, hex(CTX)), CODE, "letter"));
  assert.equal(service.issued.length, 0);
});

test("the commitment binds voter, revision and choices", () => {
  const voter = voterFrom(new Uint8Array(32), CTX);
  const values = [commitTo(voter, 1, "{}"), commitTo(voter, 2, "{}"), commitTo(voter, 1, "{ }")].map(hex);
  assert.equal(new Set(values).size, 3);
  assert.equal(rollKey(CODE, new Uint8Array(16)).pk.length, 32);
});

test("a device keeps its number, so that options stay where they were", () => {
  const shelf = memoryShelf();
  const random = (size: number) => new Uint8Array(randomBytes(size));
  assert.equal(deviceNumber(shelf, random), deviceNumber(shelf, random));
});
