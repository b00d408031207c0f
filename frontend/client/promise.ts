/** The box's promise that a ballot will be in the log (protocol section 8). */

import { base64, hex } from "./bytes.ts";
import { InvalidNote, openNote } from "./note.ts";

/** A promise that was checked. */
export interface Promised {
  /** The signed note, as it came. */
  readonly note: string;
  /** Digest of the ballot, base64. */
  readonly digest: string;
  /** Until when the ballot must be in the log, POSIX seconds. */
  readonly includeBy: number;
}

/** Return the promise in a note, once the box signed exactly this contest and digest. Throws InvalidNote. */
export function readPromise(note: string, boxVkey: string, ctx: Uint8Array, digest: Uint8Array): Promised {
  const lines = openNote(note, [boxVkey]).split("\n");
  const expected = ["weighin/v1/promise", hex(ctx), base64(digest)];
  if (lines.length !== 5 || expected.some((line, at) => lines[at] !== line) || !/^[1-9][0-9]{0,14}$/.test(lines[3] ?? ""))
    throw new InvalidNote("the promise is about something else");
  return { note, digest: base64(digest), includeBy: Number(lines[3]) };
}
