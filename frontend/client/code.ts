/** One-time codes: four groups of five characters, each with a check character (protocol section 4). */

import { ed25519 } from "@noble/curves/ed25519.js";

import { concat } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import { derive, tag } from "./tags.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const WEIGHTS = [1, 3, 5, 7] as const;
const GROUP_SIZE = 5;
const CODE_GROUPS = 4;
const PHRASE_GROUPS = 13;

/** What is wrong with one group: nothing in it, too few or too many characters, or a slip in typing. */
export type GroupFault = "empty" | "length" | "letters" | "check";

/** A code or recovery phrase that can't be right. `groups` counts from 1 and names each wrong group. */
export class WrongCode extends Error {
  readonly groups: ReadonlyMap<number, GroupFault>;

  constructor(groups: ReadonlyMap<number, GroupFault>) {
    super(`wrong groups: ${[...groups].map(([group, fault]) => `${group} (${fault})`).join(", ")}`);
    this.name = "WrongCode";
    this.groups = groups;
  }
}

/** Return typed text as the alphabet spells it: case folded, I and L as 1, O as 0, spaces and hyphens gone. */
export function fold(typed: string): string {
  return typed
    .normalize("NFKC")
    .toUpperCase()
    .replace(/[\s\u200e\u200f\u2010-\u2015\u2212-]/g, "")
    .replace(/[IL]/g, "1")
    .replace(/O/g, "0");
}

/** Return the check character of group `number`, counted from 1, for its four data characters. */
export function checkCharacter(data: string, number: number): string {
  const sum = WEIGHTS.reduce((total, weight, at) => total + weight * ALPHABET.indexOf(data.charAt(at)), 9 * number);
  return ALPHABET.charAt(sum % 32);
}

/** Return what is wrong with one folded group, or null. */
export function groupFault(group: string, number: number): GroupFault | null {
  if (group === "") return "empty";
  if ([...group].some((character) => !ALPHABET.includes(character))) return "letters";
  if (group.length !== GROUP_SIZE) return "length";
  return checkCharacter(group.slice(0, 4), number) === group.charAt(4) ? null : "check";
}

/** Return the 10 bytes of a code, given as one text or as its four groups. Throws WrongCode. */
export function parseCode(typed: string | readonly string[]): Bytes {
  return parseGroups(typed, CODE_GROUPS, 10);
}

/** Return the four groups of a code's 10 bytes. */
export function codeGroups(code: Uint8Array): string[] {
  return toGroups(code, CODE_GROUPS);
}

/** Return the 32 bytes of a recovery phrase, which is a voter seed. Throws WrongCode. */
export function parsePhrase(typed: string): Bytes {
  return parseGroups(typed, PHRASE_GROUPS, 32);
}

/** Return a voter seed as its recovery phrase: 13 groups, the last bits zero. */
export function phraseGroups(seed: Uint8Array): string[] {
  return toGroups(seed, PHRASE_GROUPS);
}

/** The key pair that a code stands for on one roll. */
export interface RollKey {
  readonly secret: Bytes;
  readonly pk: Bytes;
}

/** Return the roll key of a code. `rollId` is 16 bytes, shared by the contests on one letter. */
export function rollKey(code: Uint8Array, rollId: Uint8Array): RollKey {
  const secret = derive(code, concat(tag("roll"), rollId), 32);
  return { secret, pk: new Uint8Array(ed25519.getPublicKey(secret)) };
}

function parseGroups(typed: string | readonly string[], count: number, size: number): Bytes {
  const groups = typeof typed === "string" ? split(fold(typed), count) : typed.map(fold);
  const faults = new Map<number, GroupFault>();
  for (let at = 0; at < count; at++) {
    const fault = groupFault(groups[at] ?? "", at + 1);
    if (fault !== null) faults.set(at + 1, fault);
  }
  if (groups.length > count) faults.set(count, "length");
  if (faults.size > 0) throw new WrongCode(faults);
  let bits = 0n;
  for (const character of groups.map((group) => group.slice(0, 4)).join(""))
    bits = bits * 32n + BigInt(ALPHABET.indexOf(character));
  const spare = BigInt(count * 20 - size * 8);
  if (bits & ((1n << spare) - 1n)) throw new WrongCode(new Map([[count, "check"]]));
  bits >>= spare;
  return Uint8Array.from({ length: size }, (_, at) => Number((bits >> BigInt(8 * (size - 1 - at))) & 255n));
}

function toGroups(bytes: Uint8Array, count: number): string[] {
  let bits = bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) << BigInt(count * 20 - bytes.length * 8);
  const characters: string[] = [];
  for (let at = 0; at < count * 4; at++) {
    characters.unshift(ALPHABET.charAt(Number(bits & 31n)));
    bits >>= 5n;
  }
  return Array.from({ length: count }, (_, at) => {
    const data = characters.slice(4 * at, 4 * at + 4).join("");
    return data + checkCharacter(data, at + 1);
  });
}

function split(folded: string, count: number): string[] {
  const groups = folded.match(/.{1,5}/gsu) ?? [];
  return groups.length <= count ? groups : [...groups.slice(0, count - 1), groups.slice(count - 1).join("")];
}
