/** The error summary: first in the page, focused, with a link to each field (and words at the field). */

import { find, say } from "./page.ts";
import type { FieldError, VotingData } from "./page.ts";

/** The summary of one voting page. */
export class ErrorSummary {
  private readonly root: HTMLElement;
  private readonly data: Pick<VotingData, "strings">;
  private readonly title = document.title;

  constructor(root: ParentNode, data: Pick<VotingData, "strings">) {
    this.root = find(root, "[data-errors]");
    this.data = data;
  }

  /** Whether there is anything to fix. */
  get shown(): boolean {
    return !this.root.hidden;
  }

  /** Show errors and put the focus on the summary. A field of "" makes a line without a link. */
  show(errors: readonly FieldError[]): void {
    this.clear();
    const [heading, list] = [find(this.root, "h2"), find(this.root, "ul")];
    heading.textContent = say(this.data, errors.length === 1 ? "oneError" : "someErrors");
    for (const error of errors) {
      const item = document.createElement("li");
      const target = error.field === "" ? null : document.getElementById(error.field);
      if (target === null) item.textContent = error.summary;
      else {
        const link = document.createElement("a");
        link.href = `#${error.field}`;
        link.textContent = error.summary;
        link.addEventListener("click", (event) => {
          event.preventDefault();
          target.scrollIntoView({ block: "center" });
          target.focus({ preventScroll: true });
        });
        item.append(link);
        if (error.here !== undefined) mark(error.field, error.here);
      }
      list.append(item);
      for (const { field, here } of error.also ?? []) mark(field, here);
    }
    this.root.hidden = false;
    document.title = say(this.data, "errorTitle", { title: this.title });
    this.root.focus();
    this.root.scrollIntoView({ block: "start" });
  }

  /** Take all errors away. */
  clear(): void {
    this.root.hidden = true;
    find(this.root, "ul").replaceChildren();
    document.title = this.title;
    for (const place of document.querySelectorAll(".has-error")) place.classList.remove("has-error");
    for (const text of document.querySelectorAll<HTMLElement>(".error")) text.hidden = true;
    for (const field of document.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
      if (!field.hasAttribute("data-described")) field.removeAttribute("aria-describedby");
      else field.setAttribute("aria-describedby", field.getAttribute("data-described") ?? "");
    }
  }
}

function mark(id: string, words: string): void {
  const field = document.getElementById(id);
  const text = document.getElementById(`${id}-error`);
  if (field === null || text === null) return;
  text.textContent = words;
  text.hidden = false;
  const described = field.getAttribute("aria-describedby");
  if (described !== null && !field.hasAttribute("data-described")) field.setAttribute("data-described", described);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", [text.id, field.getAttribute("data-described") ?? ""].join(" ").trim());
  field.closest("li, .field")?.classList.add("has-error");
}
