/** "Was my code used?": the code stays here; a signature made with it asks. */

import { getText, NoAnswer } from "../../client/api.ts";
import { unhex } from "../../client/bytes.ts";
import type { World } from "../../client/casting.ts";
import { parseCode } from "../../client/code.ts";
import { lookUp } from "../../client/lookup.ts";
import type { CodeState } from "../../client/lookup.ts";
import { readManifest } from "../../client/manifest.ts";
import { InvalidNote } from "../../client/note.ts";
import { DeviceStore } from "../../client/storage.ts";
import type { Shelf } from "../../client/storage.ts";
import { CodeField } from "../code-field/code-field.ts";
import { ErrorSummary } from "../voting-page/errors.ts";
import { find, moment, say } from "../voting-page/page.ts";

/** The JSON in #code-data. */
export interface CodeData {
  readonly id: string;
  readonly ctx: string;
  /** Address and host of each issuer, in the manifest's order; an empty address is this page's own. */
  readonly issuers: readonly string[];
  readonly hosts: readonly string[];
  readonly closesAt: number;
  readonly closed: boolean;
  readonly locale: string;
  readonly timeZone: string;
  readonly strings: Readonly<Record<string, string>>;
}

const MARKS: Record<CodeState, string> = { used: "is-full", unused: "is-draft", voided: "is-no", unknown: "is-late" };

/** The page as a whole. */
export class CodeCheck {
  private readonly root: HTMLElement;
  private readonly data: CodeData;
  private readonly world: World;
  private readonly store: DeviceStore;
  private readonly errors: ErrorSummary;
  private readonly code: CodeField;
  private busy = false;

  constructor(root: HTMLElement, data: CodeData, world: World, shelf: Shelf) {
    this.root = root;
    this.data = data;
    this.world = world;
    this.store = new DeviceStore(shelf, data.ctx);
    this.errors = new ErrorSummary(root, data);
    const form = find<HTMLFormElement>(root, "[data-code-form]");
    this.code = new CodeField(form, data);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.busy) void this.ask();
    });
  }

  /** Show the form, filled from the link's fragment where a code came with it. */
  start(): void {
    find(this.root, "[data-code-form]").hidden = false;
    const linked = new URLSearchParams(location.hash.slice(1)).get("code");
    if (linked === null) return;
    // The code leaves the address, so that it is not in the history or in a copied link.
    history.replaceState(null, "", location.pathname + location.search);
    this.code.fill(linked);
    const note = find(this.root, "[data-code-link]");
    note.textContent = say(this.data, "codeFromLink");
    note.hidden = false;
  }

  private async ask(): Promise<void> {
    const answer = find(this.root, "[data-answer]");
    answer.hidden = true;
    const wrong = this.code.errors();
    if (wrong.length > 0) return this.errors.show(wrong);
    this.errors.clear();
    this.busy = true;
    this.tell(say(this.data, "asking"));
    try {
      const ctx = unhex(this.data.ctx);
      const manifest = readManifest(await getText(this.world.fetch, `/api/v1/contests/${this.data.id}/manifest`), ctx);
      const issuer = { url: this.data.issuers[0] ?? "", host: this.data.hosts[0] ?? "" };
      const code = parseCode(this.code.groups);
      const found = await lookUp(this.world.fetch, this.data.id, ctx, manifest, issuer, code);
      this.show(found.state, (this.store.find(found.rollPk)?.tokens.length ?? 0) > 0);
    } catch (error) {
      const key = error instanceof NoAnswer ? "noAnswer" : error instanceof InvalidNote ? "wrongManifest" : "failed";
      this.errors.show([{ field: "", summary: say(this.data, key) }]);
    } finally {
      this.busy = false;
      this.tell("");
    }
  }

  private show(state: CodeState, here: boolean): void {
    const time = moment(this.data, this.data.closesAt);
    const [title, todo] = {
      used: here ? ["usedHere", "usedHereDo"] : ["used", "usedDo"],
      unused: ["unused", this.data.closed ? "unusedClosed" : "unusedDo"],
      voided: ["voided", "voidedDo"],
      unknown: ["unknown", "unknownDo"],
    }[state] as [string, string];
    const mark = find(this.root, "[data-answer-mark]");
    mark.className = `mark is-large ${MARKS[state]}`;
    mark.textContent = say(this.data, title);
    find(this.root, "[data-answer-do]").textContent = say(this.data, todo, { time });
    const vote = find<HTMLAnchorElement>(this.root, "[data-answer-vote]");
    vote.hidden = state !== "unused" || this.data.closed;
    // In the fragment, which no request carries; the voting page takes it out of the address.
    vote.hash = `code=${this.code.groups.join("")}`;
    const answer = find(this.root, "[data-answer]");
    answer.hidden = false;
    answer.focus({ preventScroll: true });
    answer.scrollIntoView({ block: "nearest" });
  }

  private tell(words: string): void {
    find(this.root, "[data-said]").textContent = words;
  }
}
