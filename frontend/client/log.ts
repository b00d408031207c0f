/** The public log: its entries, its signed state, and where a ballot stands in it (protocol section 9; RFC 6962). */

import { getBytes, getText } from "./api.ts";
import type { Fetch } from "./api.ts";
import { base64, concat, same, unbase64 } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import type { Manifest } from "./manifest.ts";
import { InvalidNote, readNote } from "./note.ts";
import { sha256 } from "./tags.ts";

/** What the log signed: so many entries have this root. */
export interface Checkpoint {
  readonly size: number;
  readonly root: Bytes;
  /** The time of the log's own cosignature, POSIX seconds. */
  readonly at: number;
}

/** A log whose entries were seen to have the signed root. */
export interface CheckedLog {
  readonly checkpoint: Checkpoint;
  readonly entries: readonly Uint8Array[];
}

/** A log that does not fit its own signature, or the rules. */
export class InvalidLog extends Error {
  override readonly name = "InvalidLog";
}

const ENTRY_SIZE = 33;
const [BALLOT, STATEMENT, CLOSE] = [0x01, 0x03, 0x04];

/** Return the checkpoint in a note, signed and timed by the log that the manifest names. Throws InvalidNote.
 *
 *  Signatures by witnesses of the manifest's policy are checked where they are there; whether they make its quorum is
 *  for the verifier to say.
 */
export function readCheckpoint(note: string, manifest: Manifest): Checkpoint {
  const witnesses = manifest.policy.flatMap((line) => {
    const words = line.split(" ");
    return words[0] === "witness" && words[2] !== undefined ? [words[2]] : [];
  });
  const { message, signers } = readNote(note, [manifest.log_vkey, manifest.log_time_vkey, ...witnesses]);
  const at = signers.get(manifest.log_time_vkey);
  if (!signers.has(manifest.log_vkey) || at === undefined || at === null)
    throw new InvalidNote("the checkpoint lacks the log's own signature or its time");
  const [origin, digits, spelling, ...rest] = message.split("\n");
  if (origin !== manifest.log_origin || rest.length !== 1 || rest[0] !== "" || !/^[1-9][0-9]{0,14}$/.test(digits ?? ""))
    throw new InvalidNote("not a checkpoint of this log");
  const root = unbase64(spelling ?? "");
  if (root.length !== 32) throw new InvalidNote("a root has 32 bytes");
  return { size: Number(digits), root, at };
}

/** Return the root over entries, 32 bytes (RFC 6962 section 2.1). */
export function rootOf(entries: readonly Uint8Array[]): Bytes {
  const peaks: Bytes[] = [];
  entries.forEach((entry, at) => {
    let node = sha256(Uint8Array.of(0), entry);
    for (let size = at; size & 1; size >>>= 1) node = sha256(Uint8Array.of(1), peaks.pop() as Bytes, node);
    peaks.push(node);
  });
  const last = peaks.pop();
  return last === undefined ? sha256() : peaks.reduceRight((node, peak) => sha256(Uint8Array.of(1), peak, node), last);
}

/** Return the whole log of a contest: every epoch, checked against the newest checkpoint.
 *
 *  The whole log is asked for, always: which ballot is looked for stays here. Throws Refused, NoAnswer, InvalidNote, or
 *  InvalidLog.
 */
export async function fetchLog(fetch: Fetch, id: string, ctx: Uint8Array, manifest: Manifest): Promise<CheckedLog> {
  const url = `/api/v1/contests/${id}/log`;
  const checkpoint = readCheckpoint(await getText(fetch, `${url}/checkpoint`), manifest);
  const entries: Uint8Array[] = [];
  for (let epoch = 0; entries.length < checkpoint.size; epoch++) {
    const block = await getBytes(fetch, `${url}/epoch/${epoch}`);
    if (block.length === 0 || block.length % ENTRY_SIZE !== 0) throw new InvalidLog(`epoch ${epoch} is not whole entries`);
    for (let at = 0; at < block.length; at += ENTRY_SIZE) entries.push(block.subarray(at, at + ENTRY_SIZE));
  }
  if (!same(rootOf(entries), checkpoint.root)) throw new InvalidLog("the entries do not have the signed root");
  if (!same(entries[0] as Uint8Array, concat(Uint8Array.of(STATEMENT), ctx)))
    throw new InvalidLog("the log does not begin with the rules");
  return { checkpoint, entries };
}

/** Return the number of a ballot's entry, from 0; null where the log does not hold it. `digest` has 32 bytes. */
export function findBallot(log: CheckedLog, digest: Uint8Array): number | null {
  const entry = concat(Uint8Array.of(BALLOT), digest);
  const found = log.entries.findIndex((other) => same(other, entry));
  return found < 0 ? null : found;
}

/** Whether the log is closed: no ballot can come any more. */
export function isClosed(log: CheckedLog): boolean {
  return log.entries.at(-1)?.[0] === CLOSE;
}

/** Return the 32 bytes of a ballot's mark as people paste it: hex with or without spaces, or base64. Null for others. */
export function parseMark(typed: string): Bytes | null {
  const plain = typed.replace(/\s/g, "");
  if (/^[0-9a-f]{64}$/i.test(plain)) return Uint8Array.from(plain.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  if (!/^[A-Za-z0-9+/]{43}=$/.test(plain)) return null;
  const bytes = Uint8Array.from(atob(plain), (letter) => letter.charCodeAt(0));
  return base64(bytes) === plain ? bytes : null;
}
