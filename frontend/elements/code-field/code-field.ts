/** A code in four fields: paste anywhere, type on across the fields, and hear which group is wrong. */

import { fold, groupFault } from "../../client/code.ts";
import type { FieldError, VotingData } from "../voting-page/page.ts";
import { find, say } from "../voting-page/page.ts";

const GROUP_SIZE = 5;

/** The four fields of one form. */
export class CodeField {
  private readonly inputs: HTMLInputElement[];
  private readonly data: Pick<VotingData, "strings">;

  constructor(form: HTMLFormElement, data: Pick<VotingData, "strings">) {
    this.data = data;
    this.inputs = [1, 2, 3, 4].map((group) => find<HTMLInputElement>(form, `#code-${group}`));
    this.inputs.forEach((input, at) => input.addEventListener("input", () => this.spill(at)));
  }

  /** The groups as they are typed. */
  get groups(): string[] {
    return this.inputs.map((input) => input.value.trim());
  }

  /** Fill the fields with a whole code, however it is spaced. */
  fill(code: string): void {
    const characters = fold(code);
    this.inputs.forEach((input, at) => {
      input.value = characters.slice(at * GROUP_SIZE, at === 3 ? undefined : (at + 1) * GROUP_SIZE);
    });
  }

  /** What is wrong, one line for each wrong group. */
  errors(): FieldError[] {
    return codeErrors(this.data, this.groups).map(({ group, words }) => ({
      field: `code-${group}`,
      summary: words,
      here: words,
    }));
  }

  /** Whatever does not fit into a field flows into the next one; the focus follows it. */
  private spill(at: number): void {
    const start = this.inputs[at] as HTMLInputElement;
    // Nothing moves while a group is typed or mended; only a sixth character does.
    const typed = fold(start.value);
    if (typed.length <= GROUP_SIZE) return;
    let rest = typed;
    let last = at;
    for (let next = at; next < this.inputs.length && rest !== ""; next++) {
      const size = next === this.inputs.length - 1 ? rest.length : GROUP_SIZE;
      (this.inputs[next] as HTMLInputElement).value = rest.slice(0, size);
      rest = rest.slice(size);
      last = next;
    }
    (this.inputs[last] as HTMLInputElement).focus();
  }
}

/** Return what is wrong with each group, in words. */
export function codeErrors(
  data: Pick<VotingData, "strings">,
  groups: readonly string[],
): { readonly group: number; readonly words: string }[] {
  const keys = { empty: "groupEmpty", length: "groupLength", letters: "groupLetters", check: "groupCheck" };
  return groups.flatMap((typed, at) => {
    const fault = groupFault(fold(typed), at + 1);
    const values = { group: String(at + 1), typed };
    return fault === null ? [] : [{ group: at + 1, words: say(data, keys[fault], values) }];
  });
}
