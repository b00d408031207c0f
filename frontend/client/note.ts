/** C2SP signed notes: what authority, box and log say, with Ed25519 signatures under the text. */

import { ed25519 } from "@noble/curves/ed25519.js";

import { concat, same, unbase64, utf8 } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import { sha256 } from "./tags.ts";

/** A note that is malformed, or that the named keys did not sign. */
export class InvalidNote extends Error {
  override readonly name = "InvalidNote";
}

/** A key that notes are checked against: algorithm 1 signs the text, 4 the text and a time (tlog-cosignature). */
export interface VerifierKey {
  readonly name: string;
  readonly algorithm: 1 | 4;
  readonly id: Bytes;
  readonly key: Bytes;
}

/** A note whose every line was checked. */
export interface SignedNote {
  readonly message: string;
  /** The verifier keys that signed it, each with the time of its cosignature, POSIX seconds; null for a plain one. */
  readonly signers: ReadonlyMap<string, number | null>;
}

/** Return the key that a vkey line names: name+hash+base64(type || key). Throws InvalidNote. */
export function readVerifierKey(vkey: string): VerifierKey {
  const match = /^([^ +\n]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(vkey);
  if (match === null) throw new InvalidNote("a verifier key is malformed");
  const [name, digits, spelling] = match.slice(1) as [string, string, string];
  const typed = unbase64(spelling);
  const id = sha256(utf8(`${name}\n`), typed).subarray(0, 4);
  const algorithm = typed[0];
  if (typed.length !== 33 || (algorithm !== 1 && algorithm !== 4) || digits !== Array.from(id, (b) => b.toString(16).padStart(2, "0")).join(""))
    throw new InvalidNote(`the verifier key of ${name} is not an Ed25519 key with its own hash`);
  return { name, algorithm, id, key: typed.subarray(1) };
}

/** Return the text of a note, its last line feed included, once `threshold` of the keys signed it.
 *
 *  Every signature line must be by a key that is named here, and valid: a line by a stranger is rejected
 *  (protocol section 15, V2). Throws InvalidNote.
 */
export function openNote(note: string, vkeys: readonly string[], threshold = 1): string {
  const { message, signers } = readNote(note, vkeys, threshold);
  if ([...signers.values()].some((time) => time !== null)) throw new InvalidNote("a cosignature is no signature here");
  return message;
}

/** The same with all who signed. Throws InvalidNote. */
export function readNote(note: string, vkeys: readonly string[], threshold = 1): SignedNote {
  const at = note.lastIndexOf("\n\n");
  if (at < 0 || !note.endsWith("\n") || note.length > 1_000_000) throw new InvalidNote("not a signed note");
  const message = note.slice(0, at + 1);
  const signed = utf8(message);
  const keys = vkeys.map((vkey) => ({ ...readVerifierKey(vkey), vkey }));
  const signers = new Map<string, number | null>();
  for (const line of note.slice(at + 2, -1).split("\n")) {
    const match = /^\u2014 ([^ +]+) ([A-Za-z0-9+/]+=*)$/.exec(line);
    if (match === null) throw new InvalidNote("a signature line is malformed");
    const blob = unbase64(match[2] as string);
    const key = keys.find(({ name, id }) => name === match[1] && same(id, blob.subarray(0, 4)));
    if (key === undefined) throw new InvalidNote(`signed by ${match[1]}, whom the contest does not name`);
    if (signers.has(key.vkey)) throw new InvalidNote(`signed twice by ${key.name}`);
    const stamp = key.algorithm === 4 ? 8 : 0;
    const time = blob.subarray(4, 4 + stamp).reduce((seconds, byte) => seconds * 256 + byte, 0);
    const what = stamp === 0 ? signed : utf8(`cosignature/v1\ntime ${time}\n${message}`);
    if (blob.length !== 68 + stamp || !verifySignature(blob.subarray(4 + stamp), what, key.key))
      throw new InvalidNote(`the signature by ${key.name} is wrong`);
    signers.set(key.vkey, stamp === 0 ? null : time);
  }
  if (signers.size < threshold) throw new InvalidNote(`signed by ${signers.size} of ${threshold} keys`);
  return { message, signers };
}

/** Whether `signature` is a strict RFC 8032 signature of `message` under `key`. */
export function verifySignature(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, concat(message), key, { zip215: false });
  } catch {
    return false;
  }
}
