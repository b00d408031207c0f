/** The list of rank menus: Up, Down, Put in order, Clear. The menus hold the answer; nothing moves by itself. */

import type { Choices } from "../../client/choices.ts";
import { count, find, say } from "../voting-page/page.ts";
import type { BallotForm, FieldError, VotingData } from "../voting-page/page.ts";
import { findRankFaults, inOrder, move, ranked, shuffled } from "./ranking.ts";
import type { Ranks } from "./ranking.ts";

/** One ranking form. */
export class RankList implements BallotForm {
  private readonly form: HTMLFormElement;
  private readonly list: HTMLElement;
  private readonly data: VotingData;
  private readonly tell: (words: string) => void;
  private readonly changed: () => void;
  private readonly max: number;
  private readonly rows: Map<string, HTMLElement>;
  private readonly gap: HTMLElement;
  private readonly titles: Map<string, string>;
  private order: string[];

  /** `seed` decides the order of options; `tell` speaks; `changed` is called after every change. */
  constructor(form: HTMLFormElement, data: VotingData, seed: number, tell: (words: string) => void, changed: () => void) {
    this.form = form;
    this.data = data;
    this.tell = tell;
    this.changed = changed;
    this.max = data.ballot.kind === "ranking" ? data.ballot.max_ranks : 0;
    this.list = find(form, "[data-rank-list]");
    this.gap = find(form, "[data-gap]");
    const rows = this.list.querySelectorAll<HTMLElement>("[data-option]");
    this.rows = new Map([...rows].map((row) => [row.dataset["option"] ?? "", row]));
    this.titles = new Map(data.options.map(({ id, title }) => [id, title]));
    this.order = shuffled(data.options.map(({ id }) => id), seed);
    this.list.addEventListener("change", () => this.show());
    form.addEventListener("click", (event) => this.press(event));
    this.place();
  }

  errors(): FieldError[] {
    const ranks = this.ranks();
    if (ranks.size === 0) return [{ field: `rank-${this.order[0]}`, summary: say(this.data, "rankNothing") }];
    return findRankFaults(ranks, this.order).map((fault) => {
      const place = this.ordinal(fault.rank);
      if (fault.kind === "gap") {
        const [missing, free] = [this.ordinal(fault.missing), this.ordinal(fault.free)];
        return {
          field: `rank-${fault.option}`,
          summary: say(this.data, "rankGap", { place, missing, free }),
          here: say(this.data, "rankGapHere", { place, missing }),
        };
      }
      const here = (id: string) => {
        const other = fault.options.find((known) => known !== id) ?? "";
        return say(this.data, "rankTwiceHere", { place, other: this.title(other) });
      };
      const [first, ...others] = fault.options as [string, ...string[]];
      return {
        field: `rank-${first}`,
        summary: say(this.data, "rankTwice", { place }),
        here: here(first),
        also: others.map((id) => ({ field: `rank-${id}`, here: here(id) })),
      };
    });
  }

  choices(): Choices {
    return { ranking: ranked(this.ranks(), this.order) };
  }

  draft(): unknown {
    return [...this.ranks()];
  }

  restore(draft: unknown): void {
    if (!Array.isArray(draft)) return;
    const known = draft.filter(
      (pair): pair is [string, number] =>
        Array.isArray(pair) && this.rows.has(pair[0] as string) && Number.isInteger(pair[1]) && pair[1] <= this.max,
    );
    this.write(new Map(known));
    this.order = inOrder(this.ranks(), this.order);
    this.place();
  }

  review() {
    const line = ranked(this.ranks(), this.order);
    const rest = this.order.filter((id) => !line.includes(id)).map((id) => this.title(id));
    return {
      rows: line.map((id, at) => [count(this.data, at + 1), this.title(id)] as const),
      total: "",
      rest: rest.length === 0 ? "" : say(this.data, "leftUnranked", { options: rest.join("; ") }),
    };
  }

  private press(event: Event): void {
    const button = (event.target as Element).closest<HTMLButtonElement>("[data-move]");
    if (button === null) return;
    const act = button.dataset["move"];
    if (act === "clear") {
      this.write(new Map());
      this.tell(say(this.data, "cleared"));
    } else if (act === "sort") {
      this.order = inOrder(this.ranks(), this.order);
      this.tell(say(this.data, "inOrder"));
    } else if (act === "up" || act === "down") {
      const id = button.closest<HTMLElement>("[data-option]")?.dataset["option"] ?? "";
      const { ranks, result } = move(this.ranks(), this.order, id, act, this.max);
      if (result === "up" || result === "down") {
        this.write(ranks);
        this.order = inOrder(ranks, this.order);
      }
      const keys = { up: "movedUp", down: "movedDown", first: "alreadyFirst", last: "alreadyLast", unranked: "notRankedYet", full: "allRanksUsed" };
      const place = this.ordinal(ranks.get(id) ?? 0);
      this.tell(say(this.data, keys[result], { option: this.title(id), place, max: count(this.data, this.max) }));
    }
    this.place();
    // A moved element loses the focus; it stays with the button that was pressed.
    button.focus({ preventScroll: true });
    const box = button.getBoundingClientRect();
    if (box.top < 0 || box.bottom > window.innerHeight) button.scrollIntoView({ block: "center" });
  }

  private ranks(): Ranks {
    const ranks = new Map<string, number>();
    for (const id of this.order) {
      const value = this.select(id).value;
      if (value !== "") ranks.set(id, Number(value));
    }
    return ranks;
  }

  private write(ranks: Ranks): void {
    for (const id of this.rows.keys()) this.select(id).value = String(ranks.get(id) ?? "");
  }

  /** Put the rows where `order` says, the ranked ones above the line, if they stand in order. */
  private place(): void {
    for (const id of this.order) this.list.append(this.rows.get(id) as HTMLElement);
    const ranks = this.ranks();
    const first = this.order.find((id) => !ranks.has(id));
    const sorted = inOrder(ranks, this.order).every((id, at) => id === this.order[at]);
    this.gap.hidden = !(sorted && ranks.size > 0 && first !== undefined);
    if (!this.gap.hidden) this.list.insertBefore(this.gap, this.rows.get(first as string) as HTMLElement);
    this.show();
  }

  private show(): void {
    const ranks = this.ranks();
    for (const [id, row] of this.rows) {
      const rank = ranks.get(id);
      row.classList.toggle("is-ranked", rank !== undefined);
      find(row, ".place").textContent = rank === undefined ? "–" : count(this.data, rank);
    }
    const max = Math.min(this.max, this.rows.size);
    find(this.form, "[data-count]").textContent = say(this.data, "rankedOf", {
      count: count(this.data, ranks.size),
      max: count(this.data, max),
    });
    this.changed();
  }

  private select(id: string): HTMLSelectElement {
    return find(this.rows.get(id) as HTMLElement, "select");
  }

  private title(id: string): string {
    return this.titles.get(id) ?? id;
  }

  private ordinal(rank: number): string {
    return this.data.ordinals[rank - 1] ?? count(this.data, rank);
  }
}
