/** What the page hands to the script, and small things every part of it needs. */

import type { BallotRules } from "../../client/manifest.ts";
import type { Choices } from "../../client/choices.ts";

/** The JSON in #voting-data. */
export interface VotingData {
  readonly id: string;
  readonly ctx: string;
  readonly box: string;
  readonly issuers: readonly string[];
  readonly ballot: BallotRules;
  readonly options: readonly { readonly id: string; readonly title: string; readonly cost?: number }[];
  readonly budget: number | null;
  readonly currency: string | null;
  readonly minorDigits: number;
  readonly locale: string;
  readonly timeZone: string;
  readonly ordinals: readonly string[];
  readonly strings: Readonly<Record<string, string>>;
}

/** One thing to fix: the field it is about, what the summary says, and what stands at the field. */
export interface FieldError {
  readonly field: string;
  readonly summary: string;
  readonly here?: string;
  /** Further fields that are marked along with it, each with its own words. */
  readonly also?: readonly { readonly field: string; readonly here: string }[];
}

/** A form that holds a ballot. */
export interface BallotForm {
  /** Its errors now; empty when it can be reviewed. */
  errors(): FieldError[];
  /** What is entered, as choices; only when there are no errors. */
  choices(): Choices;
  /** What is entered, for the device to keep, and back. */
  draft(): unknown;
  restore(draft: unknown): void;
  /** The review: chosen options in order with a mark each, a total, and what was left out. */
  review(): { readonly rows: readonly (readonly [string, string])[]; readonly total: string; readonly rest: string };
}

/** Return the sentence under a key, with its `{name}`s filled in. */
export function say(data: Pick<VotingData, "strings">, key: string, values: Readonly<Record<string, string>> = {}): string {
  const sentence = data.strings[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** Return the one element that a selector finds. Throws when the page has none: then the page is not ours. */
export function find<T extends Element = HTMLElement>(root: ParentNode, selector: string): T {
  const element = root.querySelector<T>(selector);
  if (element === null) throw new Error(`the page has no ${selector}`);
  return element;
}

/** Return an amount of money in minor units, isolated from the direction of the text around it. */
export function money(data: VotingData, amount: number): string {
  const value = amount / 10 ** data.minorDigits;
  const digits = Number.isInteger(value) ? 0 : data.minorDigits;
  const format = new Intl.NumberFormat(data.locale, {
    style: "currency",
    currency: data.currency ?? "USD",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `\u2066${format.format(value)}\u2069`;
}

/** Return a moment in POSIX seconds with day, time and zone, as the pages write it. */
export function moment(data: Pick<VotingData, "locale" | "timeZone">, at: number): string {
  const format = new Intl.DateTimeFormat(data.locale, {
    weekday: "long",
    year: "numeric",
    month: "long",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZone: data.timeZone,
    timeZoneName: "short",
  });
  return format.format(new Date(at * 1000));
}

/** Return a number in the page's language. */
export function count(data: VotingData, value: number): string {
  return new Intl.NumberFormat(data.locale).format(value);
}
