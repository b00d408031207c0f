/** Ranks as a voter enters them: what is wrong with them, and what Up, Down and Put in order make of them. */

/** Rank by option id; options without a rank are absent. Ranks count from 1. */
export type Ranks = ReadonlyMap<string, number>;

/** Something to fix: several options on one rank, or a rank with nothing before it. */
export type RankFault =
  | { readonly kind: "twice"; readonly rank: number; readonly options: readonly string[] }
  | { readonly kind: "gap"; readonly rank: number; readonly missing: number; readonly free: number; readonly option: string };

/** What pressing Up or Down did. */
export type MoveResult = "up" | "down" | "first" | "last" | "unranked" | "full";

/** Return everything to fix, lowest rank first. `order` is the list as it is shown. */
export function findRankFaults(ranks: Ranks, order: readonly string[]): RankFault[] {
  const faults: RankFault[] = [];
  const used = [...new Set(ranks.values())].sort((left, right) => left - right);
  for (const rank of used) {
    const options = order.filter((id) => ranks.get(id) === rank);
    if (options.length > 1) faults.push({ kind: "twice", rank, options });
    if (rank > 1 && !used.includes(rank - 1)) {
      let free = 1;
      while (used.includes(free)) free++;
      faults.push({ kind: "gap", rank, missing: rank - 1, free, option: options[0] as string });
    }
  }
  return faults;
}

/** Return the ranked options, best first; equal ranks in the order in which they are shown. */
export function ranked(ranks: Ranks, order: readonly string[]): string[] {
  return order
    .filter((id) => ranks.has(id))
    .sort((left, right) => (ranks.get(left) as number) - (ranks.get(right) as number));
}

/** Return the list in ranked order, those without a rank after it as they stood. */
export function inOrder(ranks: Ranks, order: readonly string[]): string[] {
  return [...ranked(ranks, order), ...order.filter((id) => !ranks.has(id))];
}

/** Return the ranks after Up or Down on one option. Doubled ranks and gaps are closed by it. */
export function move(
  ranks: Ranks,
  order: readonly string[],
  id: string,
  step: "up" | "down",
  max: number,
): { readonly ranks: Ranks; readonly result: MoveResult } {
  const line = ranked(ranks, order);
  const at = line.indexOf(id);
  const unchanged = (result: MoveResult) => ({ ranks, result });
  if (at < 0) {
    if (step === "down") return unchanged("unranked");
    if (line.length >= max) return unchanged("full");
    return { ranks: number([...line, id]), result: "up" };
  }
  if (step === "up" && at === 0) return unchanged("first");
  if (step === "down" && at === line.length - 1) return unchanged("last");
  const other = step === "up" ? at - 1 : at + 1;
  [line[at], line[other]] = [line[other] as string, line[at] as string];
  return { ranks: number(line), result: step };
}

/** Return ids in an order that a number decides: the same number, the same order. */
export function shuffled(ids: readonly string[], seed: number): string[] {
  const result = [...ids].sort();
  let state = seed >>> 0;
  for (let at = result.length - 1; at > 0; at--) {
    // mulberry32, public domain: enough to mix a list, and not used for anything secret.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const other = ((mixed ^ (mixed >>> 14)) >>> 0) % (at + 1);
    [result[at], result[other]] = [result[other] as string, result[at] as string];
  }
  return result;
}

function number(line: readonly string[]): Ranks {
  return new Map(line.map((id, at) => [id, at + 1]));
}
