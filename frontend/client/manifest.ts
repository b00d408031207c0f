/** The manifest: what is fixed about a contest before the first token (protocol section 3). */

import { unhex, utf8 } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import { decodeCanonical } from "./canonical.ts";
import { InvalidNote, openNote } from "./note.ts";
import { taggedHash } from "./tags.ts";

export type Channel = "letter" | "link" | "desk" | "kiosk" | "paper";

export type BallotRules =
  | { readonly kind: "ranking"; readonly max_ranks: number; readonly equal: boolean }
  | { readonly kind: "approval"; readonly max_choices: number }
  | { readonly kind: "knapsack" }
  | { readonly kind: "points"; readonly points: number; readonly step: number }
  | { readonly kind: "score"; readonly max_score: number };

/** The fields of a manifest that the voter's side reads. */
export interface Manifest {
  readonly type: "weighin/v1/manifest";
  readonly slug: string;
  readonly options: readonly { readonly id: string; readonly cost?: number }[];
  readonly budget?: number;
  readonly ballot: BallotRules;
  readonly pad: number;
  readonly classes: readonly { readonly id: string }[];
  readonly roll_id: string;
  readonly issuers: readonly { readonly host: string; readonly spki: { readonly [cls: string]: string } }[];
  readonly box_host: string;
  readonly box_vkey: string;
  readonly log_origin: string;
  readonly log_vkey: string;
  readonly log_time_vkey: string;
  /** Lines of a C2SP tlog-policy. */
  readonly policy: readonly string[];
  readonly seal_key: string;
  readonly max_rev: number;
  readonly body_size: number;
  readonly authority: { readonly keys: readonly string[]; readonly threshold: number };
}

const TYPE = "weighin/v1/manifest";

/** Return the manifest of a signed note, once it hashes to `ctx` and its authority signed it.
 *
 *  `ctx` comes from elsewhere: the letter, or the page. Throws InvalidNote for anything else.
 */
export function readManifest(note: string, ctx: Uint8Array): Manifest {
  const lines = note.split("\n", 3);
  if (lines[0] !== TYPE || lines[1] === undefined || lines[2] !== "") throw new InvalidNote("not a manifest");
  const found = contestId(lines[1]);
  if (found.some((byte, at) => byte !== ctx[at]) || ctx.length !== 32)
    throw new InvalidNote("this is the manifest of another contest");
  let manifest: Manifest;
  try {
    manifest = decodeCanonical(lines[1]) as unknown as Manifest;
  } catch (error) {
    throw new InvalidNote(`the manifest can't be read: ${String(error)}`);
  }
  if (manifest.type !== TYPE) throw new InvalidNote("not a manifest");
  const message = openNote(note, manifest.authority.keys, manifest.authority.threshold);
  if (message !== `${TYPE}\n${lines[1]}\n`) throw new InvalidNote("the manifest has more lines than two");
  return manifest;
}

/** Return the identity of a contest: the hash of its manifest's canonical JSON, 32 bytes. */
export function contestId(manifest: string): Bytes {
  return taggedHash("manifest", utf8(manifest));
}

/** Return the 16 bytes of a manifest's roll id. */
export function rollId(manifest: Manifest): Bytes {
  return unhex(manifest.roll_id);
}
