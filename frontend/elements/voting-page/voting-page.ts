/** The voting page: code, ballot, review, promise. All of it on this device, until Cast is pressed. */

import { NoAnswer, Refused } from "../../client/api.ts";
import { hex, unbase64, unhex } from "../../client/bytes.ts";
import { cast, fetchManifest, IllegalChoices, obtainToken, settle } from "../../client/casting.ts";
import type { Places, World } from "../../client/casting.ts";
import { InvalidToken } from "../../client/blind.ts";
import { parseCode } from "../../client/code.ts";
import type { Channel, Manifest } from "../../client/manifest.ts";
import { InvalidNote } from "../../client/note.ts";
import type { Promised } from "../../client/promise.ts";
import { DeviceStore, deviceNumber } from "../../client/storage.ts";
import type { Shelf, VoterRecord } from "../../client/storage.ts";
import { CodeField } from "../code-field/code-field.ts";
import { ProjectList } from "../project-list/project-list.ts";
import { RankList } from "../rank-list/rank-list.ts";
import { ErrorSummary } from "./errors.ts";
import { find, moment, say } from "./page.ts";
import type { BallotForm, VotingData } from "./page.ts";

type Step = "code" | "ballot" | "review" | "ready" | "done";

const STEPS: readonly Step[] = ["code", "ballot", "review", "done"];
const CHANNELS: readonly string[] = ["letter", "link", "desk", "kiosk"];

/** The page as a whole: which step is shown, and what the buttons do. */
export class VotingPage {
  private readonly root: HTMLElement;
  private readonly data: VotingData;
  private readonly world: World;
  private readonly places: Places;
  private readonly store: DeviceStore;
  private readonly session: Shelf;
  private readonly errors: ErrorSummary;
  private readonly code: CodeField;
  private readonly ballot: BallotForm;
  private channel: Channel = "letter";
  private record: VoterRecord | null = null;
  private manifest: Manifest | null = null;
  private step: Step = "code";
  private busy = false;

  /** `shelf` is kept on the device, `session` only as long as the tab. */
  constructor(root: HTMLElement, data: VotingData, world: World, shelf: Shelf, session: Shelf) {
    this.root = root;
    this.data = data;
    this.world = world;
    this.places = { id: data.id, ctx: unhex(data.ctx), box: data.box, issuers: data.issuers };
    this.store = new DeviceStore(shelf, data.ctx);
    this.session = session;
    this.errors = new ErrorSummary(root, data);
    const codeForm = find<HTMLFormElement>(root, "[data-code-form]");
    this.code = new CodeField(codeForm, data);
    const ballotForm = find<HTMLFormElement>(root, "[data-ballot-form]");
    const seed = deviceNumber(shelf, world.random);
    const changed = () => {
      this.keepDraft();
      // Words at a field that has been mended since would be wrong.
      if (this.step === "ballot" && this.errors.shown && this.ballot.errors().length === 0) this.errors.clear();
    };
    this.ballot =
      data.ballot.kind === "ranking"
        ? new RankList(ballotForm, data, seed, (words) => this.tell(words), changed)
        : new ProjectList(ballotForm, data, seed, changed);
    codeForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.codeTyped();
    });
    ballotForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.toReview();
    });
    root.addEventListener("click", (event) => this.press(event));
    window.addEventListener("popstate", (event) => {
      const step = (event.state as { step?: Step } | null)?.step;
      if (!this.busy) this.show(step === "ballot" || (step === "review" && this.ballot.errors().length === 0) ? step : "code");
    });
  }

  /** Show the first step: with what the link, the tab or the device already know. */
  start(): void {
    this.ballot.restore(this.store.draft());
    const parameters = new URLSearchParams(location.hash.slice(1));
    const linked = parameters.get("code");
    const channel = parameters.get("channel") ?? "";
    if (CHANNELS.includes(channel)) this.channel = channel as Channel;
    // The code leaves the address, so that it is not in the history or in a copied link.
    if (linked !== null) history.replaceState(null, "", location.pathname + location.search);
    const code = linked ?? this.session.getItem(this.sessionKey());
    if (code !== null) this.code.fill(code);
    this.showKnown();
    const unsettled = this.store.records().some(({ pending }) => pending !== null);
    if (code !== null && !unsettled && this.code.errors().length === 0) {
      this.session.setItem(this.sessionKey(), code);
      const note = find(this.root, "[data-code-link]");
      note.textContent = say(this.data, "codeFromLink");
      note.hidden = linked === null;
      this.show("code", { focus: false });
      this.go("ballot", { focus: false });
    } else {
      this.show("code", { focus: false });
      if (linked !== null && !unsettled) this.errors.show(this.code.errors());
    }
  }

  private press(event: Event): void {
    const act = (event.target as Element).closest<HTMLElement>("[data-act]")?.dataset["act"];
    if (act === undefined || this.busy) return;
    const acts: Record<string, () => void | Promise<void>> = {
      again: () => this.again(),
      cast: () => this.cast(),
      change: () => this.go("ballot"),
      copy: () => this.copy(),
      forget: () => this.forget(),
      later: () => this.getReady(),
      print: () => window.print(),
      resend: () => this.resend(),
    };
    void acts[act]?.();
  }

  // -- steps ------------------------------------------------------------------------------

  private go(step: Step, { focus = true } = {}): void {
    history.pushState({ step }, "");
    this.show(step, { focus });
  }

  private show(step: Step, { focus = true } = {}): void {
    this.step = step;
    this.errors.clear();
    this.tell("");
    for (const section of this.root.querySelectorAll<HTMLElement>("[data-step]"))
      section.hidden = section.dataset["step"] !== step;
    const ballotHeadings = { ranking: "rankHeading", points: "pointsHeading", score: "scoreHeading", approval: "chooseHeading", knapsack: "chooseHeading" };
    const headings = { code: "codeHeading", ballot: ballotHeadings[this.data.ballot.kind], review: "reviewHeading", ready: "readyHeading", done: "doneHeading" };
    const heading = find(this.root, "[data-heading]");
    heading.textContent = say(this.data, headings[step]);
    const number = STEPS.indexOf(step) + 1;
    const text = find(this.root, "[data-step-text]");
    text.hidden = number === 0;
    text.textContent = say(this.data, "stepOf", { step: String(number), steps: String(STEPS.length) });
    if (step === "review") this.showReview();
    if (focus) {
      heading.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
  }

  private showReview(): void {
    const { rows, total, rest } = this.ballot.review();
    find(this.root, "[data-review-list]").replaceChildren(
      ...rows.map(([place, title]) => {
        const item = document.createElement("li");
        item.className = "is-ranked";
        const mark = document.createElement("span");
        mark.className = "place";
        mark.ariaHidden = "true";
        mark.textContent = place;
        const name = document.createElement("h3");
        name.dir = "auto";
        name.textContent = title;
        item.append(mark, name);
        return item;
      }),
    );
    const put = (selector: string, words: string) => {
      const line = find(this.root, selector);
      line.textContent = words;
      line.hidden = words === "";
    };
    put("[data-review-total]", total);
    put("[data-review-rest]", rest);
    find(this.root, "[data-later]").hidden = (this.record?.tokens.length ?? 0) > 0;
  }

  /** Say what this device already knows: a ballot that was cast, one that is ready, one without a promise. */
  private showKnown(): void {
    const records = this.store.records().filter(({ tokens }) => tokens.length > 0);
    const pending = records.some((record) => record.pending !== null);
    const voted = records.some(({ rev }) => rev > 0);
    find(this.root, "[data-known]").hidden = records.length === 0;
    find(this.root, "[data-known-pending]").hidden = !pending;
    find(this.root, "[data-known-cast]").hidden = pending || !voted;
    find(this.root, "[data-known-ready]").hidden = pending || voted;
    find(this.root, "[data-act=resend]").hidden = !pending;
    find(this.root, "[data-act=again]").hidden = pending || records.length !== 1;
  }

  private codeTyped(): void {
    const errors = this.code.errors();
    if (errors.length > 0) return this.errors.show(errors);
    this.session.setItem(this.sessionKey(), this.code.groups.join(""));
    this.record = null;
    this.go("ballot");
  }

  private toReview(): void {
    const errors = this.ballot.errors();
    if (errors.length > 0) return this.errors.show(errors);
    this.go("review");
  }

  private again(): void {
    const records = this.store.records().filter(({ tokens }) => tokens.length > 0);
    this.record = records.length === 1 ? (records[0] as VoterRecord) : null;
    this.go("ballot");
  }

  // -- acts -------------------------------------------------------------------------------

  private async cast(): Promise<void> {
    await this.working("casting", async () => {
      const { manifest, record } = await this.token();
      this.record = record;
      const done = await cast(this.world, this.places, manifest, this.store, record, this.ballot.choices());
      this.finish(done.record, done.promised);
    });
  }

  private async getReady(): Promise<void> {
    await this.working("fetchingToken", async () => {
      this.record = (await this.token()).record;
      this.session.removeItem(this.sessionKey());
      this.keepDraft();
      this.go("ready");
    });
  }

  private async resend(): Promise<void> {
    await this.working("casting", async () => {
      const manifest = await this.rules();
      for (const record of this.store.records()) {
        if (record.pending === null) continue;
        const settled = await settle(this.world, this.places, manifest, this.store, record);
        if (settled.promised !== null) this.finish(settled.record, settled.promised);
      }
      // A later ballot from another device has taken its place.
      if (this.step !== "done") this.showKnown();
    });
  }

  private async token(): Promise<{ manifest: Manifest; record: VoterRecord }> {
    const manifest = await this.rules();
    // What is kept may have changed since: a second tab casts as well.
    const kept = this.record === null ? null : this.store.find(this.record.rollPk);
    if (kept !== null && kept.tokens.length > 0) return { manifest, record: kept };
    const code = parseCode(this.code.groups);
    const record = await obtainToken(this.world, this.places, manifest, this.store, code, this.channel);
    return { manifest, record };
  }

  private async rules(): Promise<Manifest> {
    this.manifest ??= await fetchManifest(this.world, this.places);
    return this.manifest;
  }

  private finish(record: VoterRecord, promised: Promised): void {
    this.record = record;
    this.session.removeItem(this.sessionKey());
    this.store.saveDraft(null);
    const time = moment(this.data, promised.includeBy);
    find(this.root, "[data-promise-text]").textContent = say(this.data, "promiseText", { time });
    find(this.root, "[data-digest]").textContent = (hex(unbase64(promised.digest)).match(/.{4}/g) ?? []).join(" ");
    // The mark goes along in the fragment, which no request carries; the page that takes it clears the address.
    const check = find<HTMLAnchorElement>(this.root, "[data-check-link]");
    check.hash = `mark=${hex(unbase64(promised.digest))}&by=${promised.includeBy}`;
    const file = find<HTMLAnchorElement>(this.root, "[data-promise-file]");
    URL.revokeObjectURL(file.href);
    file.href = URL.createObjectURL(new Blob([promised.note], { type: "text/plain" }));
    this.go("done");
  }

  private async copy(): Promise<void> {
    await navigator.clipboard.writeText(find(this.root, "[data-digest]").textContent ?? "");
    this.tell(say(this.data, "copied"));
  }

  private forget(): void {
    this.store.forget();
    this.session.removeItem(this.sessionKey());
    this.record = null;
    this.code.fill("");
    this.ballot.restore(this.data.options.map(({ id }) => [id, this.data.ballot.kind === "ranking" ? 0 : false]));
    this.store.saveDraft(null);
    this.showKnown();
    this.go("code");
    this.tell(say(this.data, "forgotten"));
  }

  private async working(words: string, act: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.errors.clear();
    this.root.ariaBusy = "true";
    this.tell(say(this.data, words));
    try {
      await act();
      if (this.step !== "review") this.tell("");
    } catch (error) {
      this.tell("");
      this.explain(error);
    } finally {
      this.busy = false;
      this.root.ariaBusy = "false";
    }
  }

  private explain(error: unknown): void {
    const refusals: Record<string, string> = {
      "code-unknown": "codeUnknown",
      "code-used": "codeUsed",
      "code-voided": "codeVoided",
      "contest-not-open": "notOpen",
      "ballot-superseded": "superseded",
      "too-busy": "tooBusy",
      "invalid-ballot": "refusedBallot",
      "invalid-request": "refusedBallot",
    };
    let key = "failed";
    if (error instanceof Refused) key = refusals[error.slug] ?? "failed";
    else if (error instanceof NoAnswer) key = this.manifest === null ? "noManifest" : "noAnswer";
    else if (error instanceof InvalidToken) key = "wrongToken";
    else if (error instanceof InvalidNote) key = this.manifest === null ? "wrongManifest" : "wrongPromise";
    else if (error instanceof IllegalChoices) key = "refusedBallot";
    else if (error instanceof DOMException || String(error).includes("keeps nothing")) key = "keepsNothing";
    const mendCode = key === "codeUnknown" || key === "codeUsed" || key === "codeVoided";
    if (mendCode) this.show("code", { focus: false });
    this.errors.show([{ field: mendCode ? "code-1" : this.step === "review" ? "cast" : "", summary: say(this.data, key) }]);
  }

  private keepDraft(): void {
    // Called while the form is being made, too: then there is nothing to keep yet.
    if (this.ballot === undefined || this.step === "done") return;
    this.store.saveDraft(this.ballot.draft());
  }

  private tell(words: string): void {
    // Each step has a status line of its own, below what is pressed, so that nothing moves under a finger.
    for (const said of this.root.querySelectorAll("[data-said]"))
      said.textContent = said.closest<HTMLElement>("[data-step]")?.dataset["step"] === this.step ? words : "";
  }

  private sessionKey(): string {
    return `weighin/v1/${this.data.ctx}/code`;
  }
}
