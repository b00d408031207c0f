/** The list of projects: boxes or numbers, and a running total in words. Overspending is allowed until the review. */

import type { Choices } from "../../client/choices.ts";
import { shuffled } from "../rank-list/ranking.ts";
import { count, find, money, say } from "../voting-page/page.ts";
import type { BallotForm, FieldError, VotingData } from "../voting-page/page.ts";

/** One budget form. */
export class ProjectList implements BallotForm {
  private readonly form: HTMLFormElement;
  private readonly data: VotingData;
  private readonly changed: () => void;
  private readonly order: string[];
  private readonly costs: Map<string, number>;
  private readonly titles: Map<string, string>;

  /** `seed` decides the order of projects; `changed` is called after every change. */
  constructor(form: HTMLFormElement, data: VotingData, seed: number, changed: () => void) {
    this.form = form;
    this.data = data;
    this.changed = changed;
    this.costs = new Map(data.options.map(({ id, cost }) => [id, cost ?? 0]));
    this.titles = new Map(data.options.map(({ id, title }) => [id, title]));
    this.order = shuffled(data.options.map(({ id }) => id), seed);
    const list = find(form, "[data-project-list]");
    for (const id of this.order) list.append(this.row(id));
    form.addEventListener("input", () => this.show());
    this.show();
  }

  errors(): FieldError[] {
    const rules = this.data.ballot;
    const field = `project-${this.order[0]}`;
    if (rules.kind === "points" || rules.kind === "score") {
      const wrong = this.order.flatMap((id) => this.numberError(id));
      if (wrong.length > 0) return wrong;
      const used = this.sum();
      if (used === 0) return [{ field, summary: say(this.data, "chooseNothing") }];
      if (rules.kind === "points" && used > rules.points) return [{ field, summary: this.pointsOver(used, rules.points) }];
      return [];
    }
    const chosen = this.chosen();
    if (chosen.length === 0) return [{ field, summary: say(this.data, "chooseNothing") }];
    if (rules.kind === "approval" && chosen.length > rules.max_choices) {
      const values = { count: count(this.data, chosen.length), max: count(this.data, rules.max_choices) };
      return [{ field, summary: say(this.data, "tooMany", values) }];
    }
    const over = this.used() - (this.data.budget ?? 0);
    if (rules.kind === "knapsack" && over > 0)
      return [{ field: `project-${chosen[0]}`, summary: say(this.data, "overBudget", { over: money(this.data, over) }) }];
    return [];
  }

  choices(): Choices {
    const kind = this.data.ballot.kind;
    if (kind === "points") return { alloc: this.numbers() };
    if (kind === "score") return { scores: this.numbers() };
    return { approved: this.chosen() };
  }

  draft(): unknown {
    return this.order.map((id) => [id, this.isChoice() ? this.input(id).checked : this.input(id).value]);
  }

  restore(draft: unknown): void {
    if (!Array.isArray(draft)) return;
    for (const pair of draft as unknown[]) {
      if (!Array.isArray(pair) || !this.costs.has(pair[0] as string)) continue;
      const input = this.input(pair[0] as string);
      if (typeof pair[1] === "boolean") input.checked = pair[1];
      else if (typeof pair[1] === "string") input.value = pair[1];
    }
    this.show();
  }

  review() {
    const value = (id: string) => (this.isChoice() ? "✓" : this.input(id).value.trim());
    const chosen = this.isChoice() ? this.chosen() : this.numbers().map(([id]) => id);
    const cost = (id: string) => (this.data.budget === null ? "" : ` – ${money(this.data, this.costs.get(id) ?? 0)}`);
    return {
      rows: chosen.map((id) => [value(id), (this.titles.get(id) ?? id) + cost(id)] as const),
      total: this.totalWords(),
      rest: "",
    };
  }

  private show(): void {
    const budget = this.data.budget;
    const used = this.used();
    const over = budget !== null && used > budget && this.data.ballot.kind === "knapsack";
    const total = find(this.form, "[data-total]");
    total.replaceChildren();
    const strong = document.createElement("b");
    strong.textContent = this.totalWords();
    total.append(strong);
    find(this.form, ".total").classList.toggle("is-over", over);
    for (const id of this.order) {
      const short = find(this.row(id), "[data-short]");
      const missing = (this.costs.get(id) ?? 0) - ((budget ?? 0) - used);
      short.hidden = !(this.data.ballot.kind === "knapsack" && !this.input(id).checked && missing > 0 && !over);
      short.textContent = short.hidden ? "" : say(this.data, "needsMore", { amount: money(this.data, missing) });
    }
    const gauge = find(this.form, ".gauge");
    const whole = this.data.ballot.kind === "points" ? this.data.ballot.points : (budget ?? 0);
    const part = this.data.ballot.kind === "points" ? this.sum() : used;
    gauge.toggleAttribute("hidden", this.data.ballot.kind === "approval" || this.data.ballot.kind === "score" || whole === 0);
    const [inside, beyond] = [Math.min(part, whole), Math.max(0, part - whole)];
    const scale = Math.max(part, whole, 1);
    find(gauge, "[data-used]").setAttribute("width", `${(100 * inside) / scale}%`);
    find(gauge, "[data-over]").setAttribute("x", `${(100 * inside) / scale}%`);
    find(gauge, "[data-over]").setAttribute("width", `${(100 * beyond) / scale}%`);
    this.changed();
  }

  private totalWords(): string {
    const rules = this.data.ballot;
    const budget = this.data.budget ?? 0;
    if (rules.kind === "points") {
      if (this.sum() > rules.points) return this.pointsOver(this.sum(), rules.points);
      const values = { used: count(this.data, this.sum()), points: count(this.data, rules.points) };
      return say(this.data, "pointsTotal", values);
    }
    const chosen = this.isChoice() ? this.chosen().length : this.numbers().length;
    if (rules.kind !== "knapsack") return say(this.data, "chosenCount", { count: count(this.data, chosen) });
    const left = budget - this.used();
    const used = say(this.data, "chosenTotal", { used: money(this.data, this.used()), budget: money(this.data, budget) });
    const rest =
      left >= 0
        ? say(this.data, "left", { left: money(this.data, left) })
        : say(this.data, "over", { over: money(this.data, -left) });
    return `${used} ${rest}`;
  }

  private numberError(id: string): FieldError[] {
    const rules = this.data.ballot;
    const typed = this.input(id).value.trim();
    const value = typed === "" ? 0 : /^[0-9]{1,9}$/.test(typed) ? Number(typed) : NaN;
    let words = "";
    if (Number.isNaN(value)) words = say(this.data, "badNumber");
    else if (rules.kind === "points" && value % rules.step !== 0)
      words = say(this.data, "badStep", { step: count(this.data, rules.step) });
    else if (rules.kind === "score" && value > rules.max_score)
      words = say(this.data, "badScore", { max: count(this.data, rules.max_score) });
    return words === "" ? [] : [{ field: `project-${id}`, summary: `${this.titles.get(id)}: ${words}`, here: words }];
  }

  private pointsOver(used: number, points: number): string {
    return say(this.data, "pointsOver", { used: count(this.data, used), points: count(this.data, points) });
  }

  private chosen(): string[] {
    return this.isChoice() ? this.order.filter((id) => this.input(id).checked) : [];
  }

  private numbers(): [string, number][] {
    return this.order
      .map((id): [string, number] => [id, Number(this.input(id).value.trim())])
      .filter(([, value]) => Number.isSafeInteger(value) && value > 0);
  }

  private sum(): number {
    return this.isChoice() ? 0 : this.numbers().reduce((sum, [, value]) => sum + value, 0);
  }

  private used(): number {
    return this.chosen().reduce((sum, id) => sum + (this.costs.get(id) ?? 0), 0);
  }

  private isChoice(): boolean {
    return this.data.ballot.kind === "approval" || this.data.ballot.kind === "knapsack";
  }

  private input(id: string): HTMLInputElement {
    return find(this.form, `#project-${CSS.escape(id)}`);
  }

  private row(id: string): HTMLElement {
    return find(this.form, `[data-option="${CSS.escape(id)}"]`);
  }
}
