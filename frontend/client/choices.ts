/** What a voter chose, in canonical form, and whether the rules allow it (protocol sections 7 and 10). */

import { canonical } from "./canonical.ts";
import type { Manifest } from "./manifest.ts";

export type Choices =
  | { readonly ranking: readonly (string | readonly string[])[] }
  | { readonly approved: readonly string[] }
  | { readonly alloc: readonly (readonly [string, number])[] }
  | { readonly scores: readonly (readonly [string, number])[] };

/** Why choices are refused; the codes of protocol section 10. */
export type Fault = "form" | "unknown" | "repeated" | "too_many" | "points" | "over_budget";

/** Return the canonical JSON of choices: approved options, points and scores sorted by id, zeros left out. */
export function encodeChoices(choices: Choices): string {
  if ("ranking" in choices)
    return canonical({ ranking: choices.ranking.map((rank) => (typeof rank === "string" ? rank : [...rank].sort())) });
  if ("approved" in choices) return canonical({ approved: [...choices.approved].sort() });
  if ("alloc" in choices) return canonical({ alloc: sorted(choices.alloc) });
  return canonical({ scores: sorted(choices.scores) });
}

/** Return what is wrong with choices under the contest's rules, or null. Empty choices are valid. */
export function findFault(choices: Choices, manifest: Pick<Manifest, "options" | "ballot" | "budget">): Fault | null {
  const rules = manifest.ballot;
  const ids = chosen(choices);
  const kinds = { ranking: "ranking", approval: "approved", knapsack: "approved", points: "alloc", score: "scores" };
  if (!(kinds[rules.kind] in choices)) return "form";
  if ("ranking" in choices && rules.kind === "ranking") {
    const shared = choices.ranking.filter((rank) => typeof rank !== "string");
    if (shared.some((rank) => !rules.equal || rank.length < 2)) return "form";
  }
  const known = new Map(manifest.options.map((option) => [option.id, option.cost ?? 0]));
  if (ids.some((id) => !known.has(id))) return "unknown";
  if (new Set(ids).size !== ids.length) return "repeated";
  if (rules.kind === "ranking" && "ranking" in choices) return choices.ranking.length > rules.max_ranks ? "too_many" : null;
  if (rules.kind === "approval") return ids.length > rules.max_choices ? "too_many" : null;
  if (rules.kind === "knapsack") {
    const cost = ids.reduce((sum, id) => sum + (known.get(id) as number), 0);
    return cost > (manifest.budget ?? 0) ? "over_budget" : null;
  }
  const numbers = "alloc" in choices ? choices.alloc : "scores" in choices ? choices.scores : [];
  const values = numbers.map(([, number]) => number);
  if (values.some((number) => !Number.isSafeInteger(number) || number < 0)) return "form";
  if (rules.kind === "score") return values.some((number) => number > rules.max_score) ? "points" : null;
  if (rules.kind === "points" && values.some((number) => number % rules.step !== 0)) return "points";
  return rules.kind === "points" && values.reduce((sum, number) => sum + number, 0) > rules.points ? "points" : null;
}

function chosen(choices: Choices): string[] {
  if ("ranking" in choices) return choices.ranking.flatMap((rank) => rank);
  if ("approved" in choices) return [...choices.approved];
  return ("alloc" in choices ? choices.alloc : choices.scores).map(([id]) => id);
}

function sorted(numbers: readonly (readonly [string, number])[]): (readonly [string, number])[] {
  return numbers.filter(([, number]) => number !== 0).sort(([left], [right]) => (left < right ? -1 : 1));
}
