/** The voter's story: a code becomes a token, choices become a sealed ballot, the box promises to log it. */

import { getText, NoAnswer, post, Refused } from "./api.ts";
import type { Fetch } from "./api.ts";
import { sealBallot } from "./ballot.ts";
import { base64, hex, unbase64, unhex } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import { encodeChoices, findFault } from "./choices.ts";
import type { Choices, Fault } from "./choices.ts";
import { rollKey } from "./code.ts";
import type { RollKey } from "./code.ts";
import { readManifest, rollId } from "./manifest.ts";
import type { Channel, Manifest } from "./manifest.ts";
import { readPromise } from "./promise.ts";
import type { Promised } from "./promise.ts";
import type { DeviceStore, VoterRecord } from "./storage.ts";
import { finishToken, issueBody, tokenRequests } from "./tokens.ts";
import { voterFrom } from "./voter.ts";

/** Where a contest's services are. Empty means this page's own origin. */
export interface Places {
  readonly id: string;
  readonly ctx: Bytes;
  readonly box: string;
  /** One for each issuer, in the manifest's order. */
  readonly issuers: readonly string[];
}

/** What an act needs from the world; tests hand in their own. */
export interface World {
  readonly fetch: Fetch;
  readonly random: (size: number) => Bytes;
  readonly wait: (milliseconds: number) => Promise<void>;
}

/** Choices that the contest's rules do not allow; nothing was sent. */
export class IllegalChoices extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(`the rules do not allow these choices: ${fault}`);
    this.name = "IllegalChoices";
    this.fault = fault;
  }
}

const TRIES = 2;
const SUPERSEDED_MAX = 3;

/** Return the manifest of a contest, verified against the page's `ctx`. Throws Refused, NoAnswer or InvalidNote. */
export async function fetchManifest(world: World, places: Places): Promise<Manifest> {
  const note = await getText(world.fetch, `/api/v1/contests/${places.id}/manifest`);
  const manifest = readManifest(note, places.ctx);
  if (manifest.issuers.length !== places.issuers.length) throw new NoAnswer("the page names other issuers");
  return manifest;
}

/** Return the record of a code with a token in it: the kept one, or one issued now.
 *
 *  The seed is stored before the first request, so that a lost answer is asked for again with the very same bytes.
 *  Throws Refused (`code-unknown`, `code-used`, `contest-not-open`, ...), NoAnswer, or InvalidToken when an issuer
 *  signed under another key than the manifest's.
 */
export async function obtainToken(
  world: World,
  places: Places,
  manifest: Manifest,
  store: DeviceStore,
  code: Uint8Array,
  channel: Channel,
): Promise<VoterRecord> {
  const roll = rollKey(code, rollId(manifest));
  const rollPk = hex(roll.pk);
  const kept = store.find(rollPk) ?? { rollPk, cls: null, seed: hex(world.random(32)), tokens: [], rev: 0, pending: null };
  if (kept.tokens.length > 0) return kept;
  store.save(kept);
  const classes = kept.cls === null ? manifest.classes.map(({ id }) => id) : [kept.cls];
  for (const cls of classes) {
    try {
      const tokens = await askIssuers(world, places, manifest, { roll, seed: unhex(kept.seed), cls, channel });
      const record = { ...kept, cls, tokens };
      store.save(record);
      return record;
    } catch (error) {
      // A code belongs to one class. Only its issuer key accepts it.
      if (!(error instanceof Refused && error.slug === "code-unknown" && cls !== classes.at(-1))) throw error;
    }
  }
  throw new Refused("code-unknown", "the contest has no classes", null, null);
}

/** Seal, store, send: return the box's promise for these choices, and the record as it is now kept.
 *
 *  A ballot that an earlier call stored and got no promise for is settled first. Throws IllegalChoices, Refused,
 *  NoAnswer after two tries, or InvalidNote for a promise that does not hold.
 */
export async function cast(
  world: World,
  places: Places,
  manifest: Manifest,
  store: DeviceStore,
  record: VoterRecord,
  choices: Choices,
): Promise<{ promised: Promised; record: VoterRecord }> {
  const fault = findFault(choices, manifest);
  if (fault !== null) throw new IllegalChoices(fault);
  let current = record;
  if (current.pending !== null) current = (await settle(world, places, manifest, store, current)).record;
  const voter = voterFrom(unhex(current.seed), places.ctx);
  for (let rev = current.rev + 1, round = 0; ; round++) {
    if (rev > manifest.max_rev) throw new Refused("ballot-superseded", "no revision is left", null, null);
    const sealed = await sealBallot(voter, manifest, {
      cls: current.cls ?? "",
      rev,
      choices: encodeChoices(choices),
      tokens: current.tokens,
    });
    current = { ...current, pending: { rev, digest: base64(sealed.digest), body: sealed.body } };
    store.save(current);
    const settled = await settle(world, places, manifest, store, current);
    current = settled.record;
    if (settled.promised !== null) return { promised: settled.promised, record: current };
    if (round === SUPERSEDED_MAX) throw new Refused("ballot-superseded", "another device keeps voting", current.rev, null);
    rev = current.rev + 1;
  }
}

/** Send a stored ballot again until the box promises it; null when a later revision has taken its place.
 *
 *  Throws Refused or NoAnswer after two tries; the ballot stays stored unless the box refused its content.
 */
export async function settle(
  world: World,
  places: Places,
  manifest: Manifest,
  store: DeviceStore,
  record: VoterRecord,
): Promise<{ promised: Promised | null; record: VoterRecord }> {
  const pending = record.pending;
  if (pending === null) return { promised: null, record };
  try {
    const url = `${places.box}/api/v1/contests/${places.id}/ballots`;
    const note = await retrying(world, () => post(world.fetch, url, pending.body, "promise"));
    const promised = readPromise(note, manifest.box_vkey, places.ctx, unbase64(pending.digest));
    const settled = { ...record, rev: Math.max(record.rev, pending.rev), pending: null };
    store.save(settled);
    return { promised, record: settled };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.slug === "ballot-superseded" && error.lastRev !== null) {
      const overtaken = { ...record, rev: error.lastRev, pending: null };
      store.save(overtaken);
      return { promised: null, record: overtaken };
    }
    if (error.slug === "invalid-ballot" || error.slug === "invalid-request") store.save({ ...record, pending: null });
    throw error;
  }
}

async function askIssuers(
  world: World,
  places: Places,
  manifest: Manifest,
  { roll, seed, cls, channel }: { roll: RollKey; seed: Bytes; cls: string; channel: Channel },
): Promise<string[]> {
  const requests = tokenRequests(voterFrom(seed, places.ctx), manifest, cls);
  const tokens: string[] = [];
  for (const [issuer, request] of requests.entries()) {
    const body = issueBody(places.ctx, roll, requests, { cls, channel, issuer });
    const url = `${places.issuers[issuer]}/api/v1/contests/${places.id}/issue`;
    const response = await retrying(world, () => post(world.fetch, url, body, "response"));
    tokens.push(base64(finishToken(request, response)));
  }
  return tokens;
}

async function retrying<T>(world: World, act: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left--) {
    try {
      return await act();
    } catch (error) {
      const busy = error instanceof Refused && error.slug === "too-busy";
      if (left <= 1 || !(busy || error instanceof NoAnswer)) throw error;
      await world.wait(Math.min(10, busy ? (error.retryAfter ?? 2) : 1) * 1000);
    }
  }
}
