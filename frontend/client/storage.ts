/** What this device keeps: one record for each code that voted here, and a draft. Nothing of it is ever sent as such. */

import { hex, unhex } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";

/** The part of localStorage that is used. */
export interface Shelf {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** A cast request as it was stored before it was first sent. It is resent byte for byte until a promise is held. */
export interface Pending {
  readonly rev: number;
  readonly digest: string;
  readonly body: string;
}

/** What the device knows of one code in one contest. */
export interface VoterRecord {
  readonly rollPk: string;
  /** Class of the code, once an issuer accepted it. */
  readonly cls: string | null;
  /** The voter seed, 32 bytes as hex. */
  readonly seed: string;
  /** Authenticators in the manifest's order, base64; empty until all issuers answered. */
  readonly tokens: readonly string[];
  /** Highest revision that a promise is held for; 0 before the first. */
  readonly rev: number;
  readonly pending: Pending | null;
}

const PREFIX = "weighin/v1";

/** The records of one contest on one device. */
export class DeviceStore {
  private readonly shelf: Shelf;
  private readonly prefix: string;

  /** `ctx` is the contest's identity as hex. */
  constructor(shelf: Shelf, ctx: string) {
    this.shelf = shelf;
    this.prefix = `${PREFIX}/${ctx}/`;
  }

  /** Return all records, those that voted or tried to. */
  records(): VoterRecord[] {
    return this.keys("voter/")
      .map((key) => readRecord(this.shelf.getItem(key)))
      .filter((record) => record !== null);
  }

  /** Return the record of a code's key, or null. */
  find(rollPk: string): VoterRecord | null {
    return readRecord(this.shelf.getItem(`${this.prefix}voter/${rollPk}`));
  }

  /** Keep a record in place of an older one. Throws when the device refuses; then nothing may be sent. */
  save(record: VoterRecord): void {
    const value = JSON.stringify(record);
    const key = `${this.prefix}voter/${record.rollPk}`;
    this.shelf.setItem(key, value);
    if (this.shelf.getItem(key) !== value) throw new Error("this device keeps nothing");
  }

  /** Return the draft that was left here, or null. */
  draft(): unknown {
    try {
      return JSON.parse(this.shelf.getItem(`${this.prefix}draft`) ?? "null");
    } catch {
      return null;
    }
  }

  /** Keep a draft, or drop it with null. A device that refuses is no reason to stop. */
  saveDraft(draft: unknown): void {
    const key = `${this.prefix}draft`;
    try {
      if (draft === null) this.shelf.removeItem(key);
      else this.shelf.setItem(key, JSON.stringify(draft));
    } catch {
      // The draft lives on in the page.
    }
  }

  /** Forget everything about this contest. */
  forget(): void {
    for (const key of this.keys("")) this.shelf.removeItem(key);
  }

  private keys(under: string): string[] {
    const start = this.prefix + under;
    return Array.from({ length: this.shelf.length }, (_, at) => this.shelf.key(at) ?? "").filter((key) =>
      key.startsWith(start),
    );
  }
}

/** Return a stable 32-bit number of this device, made on first use. It decides the order of options, nothing else. */
export function deviceNumber(shelf: Shelf, random: (size: number) => Bytes): number {
  const key = `${PREFIX}/order`;
  const kept = shelf.getItem(key);
  if (kept !== null && /^[0-9a-f]{8}$/.test(kept)) return parseInt(kept, 16);
  const made = hex(random(4));
  try {
    shelf.setItem(key, made);
  } catch {
    // Then the order is new on the next visit.
  }
  return parseInt(made, 16);
}

/** Return a shelf in memory, for browsers that keep nothing. */
export function memoryShelf(): Shelf {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

function readRecord(value: string | null): VoterRecord | null {
  if (value === null) return null;
  try {
    const record = JSON.parse(value) as VoterRecord;
    return unhex(record.seed).length === 32 && Array.isArray(record.tokens) ? record : null;
  } catch {
    return null;
  }
}
