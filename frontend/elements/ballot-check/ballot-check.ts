/** "Find my ballot": the whole log comes here and is searched here; nobody learns which ballot is looked for. */

import { getText, NoAnswer, Refused } from "../../client/api.ts";
import { hex, unbase64, unhex } from "../../client/bytes.ts";
import type { Bytes } from "../../client/bytes.ts";
import type { World } from "../../client/casting.ts";
import { fetchLog, findBallot, isClosed, parseMark } from "../../client/log.ts";
import type { CheckedLog } from "../../client/log.ts";
import { readManifest } from "../../client/manifest.ts";
import type { Manifest } from "../../client/manifest.ts";
import { readPromise } from "../../client/promise.ts";
import { DeviceStore } from "../../client/storage.ts";
import type { Shelf } from "../../client/storage.ts";
import { ErrorSummary } from "../voting-page/errors.ts";
import { find, moment, say } from "../voting-page/page.ts";

/** The JSON in #check-data. */
export interface CheckData {
  readonly id: string;
  readonly ctx: string;
  readonly locale: string;
  readonly timeZone: string;
  readonly strings: Readonly<Record<string, string>>;
}

/** What is looked for, and by when it must be there: POSIX seconds, or null where nobody said. */
interface Sought {
  readonly digest: Bytes;
  readonly by: number | null;
}

const PROMISE = "weighin/v1/promise";

/** The page as a whole. */
export class BallotCheck {
  private readonly root: HTMLElement;
  private readonly data: CheckData;
  private readonly world: World;
  private readonly store: DeviceStore;
  private readonly errors: ErrorSummary;
  private readonly mark: HTMLTextAreaElement;
  /** What came with the link from the promise: the mark, and by when. */
  private linked: { readonly mark: string; readonly by: number } | null = null;
  private busy = false;

  constructor(root: HTMLElement, data: CheckData, world: World, shelf: Shelf) {
    this.root = root;
    this.data = data;
    this.world = world;
    this.store = new DeviceStore(shelf, data.ctx);
    this.errors = new ErrorSummary(root, data);
    this.mark = find<HTMLTextAreaElement>(root, "#mark");
    find<HTMLFormElement>(root, "[data-mark-form]").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.busy) void this.look();
    });
  }

  /** Show the form, with the mark that came with the link, or that of a ballot which nobody confirmed. */
  start(): void {
    if (globalThis.crypto?.subtle === undefined) {
      find(this.root, "[data-insecure]").hidden = false;
      return;
    }
    find(this.root, "[data-mark-form]").hidden = false;
    const parameters = new URLSearchParams(location.hash.slice(1));
    const mark = parameters.get("mark");
    const pending = this.store.records().find((record) => record.pending !== null)?.pending;
    if (mark !== null) {
      // The mark leaves the address: after the close it shows how somebody voted.
      history.replaceState(null, "", location.pathname + location.search);
      this.linked = { mark, by: Number(parameters.get("by") ?? NaN) };
      this.fill(mark, "markFromLink");
    } else if (pending !== null && pending !== undefined) {
      this.fill(hex(unbase64(pending.digest)), "pendingHere");
    }
  }

  private fill(mark: string, words: string): void {
    this.mark.value = (mark.match(/.{1,4}/g) ?? []).join(" ");
    const note = find(this.root, "[data-mark-known]");
    note.textContent = say(this.data, words);
    note.hidden = false;
  }

  private async look(): Promise<void> {
    find(this.root, "[data-answer]").hidden = true;
    this.errors.clear();
    const typed = this.mark.value;
    const isPromise = typed.trimStart().startsWith(PROMISE);
    if (!isPromise && parseMark(typed) === null) return this.refuse(typed.trim() === "" ? "markEmpty" : "markWrong");
    this.busy = true;
    this.tell(say(this.data, "working"));
    try {
      const ctx = unhex(this.data.ctx);
      const manifest = await this.rules(ctx);
      if (manifest === null) return;
      const sought = isPromise ? promised(typed, manifest, ctx) : this.marked(typed);
      if (sought === null) return this.refuse("promiseWrong");
      this.show(await fetchLog(this.world.fetch, this.data.id, ctx, manifest), sought);
    } catch (error) {
      // What arrived and is not what was signed is worth telling; silence may be the network's.
      const key = error instanceof NoAnswer ? "noAnswer" : error instanceof Refused ? "failed" : "badLog";
      this.errors.show([{ field: "", summary: say(this.data, key) }]);
    } finally {
      this.busy = false;
      this.tell("");
    }
  }

  private async rules(ctx: Bytes): Promise<Manifest | null> {
    const note = await getText(this.world.fetch, `/api/v1/contests/${this.data.id}/manifest`);
    try {
      return readManifest(note, ctx);
    } catch {
      this.errors.show([{ field: "", summary: say(this.data, "wrongManifest") }]);
      return null;
    }
  }

  private marked(typed: string): Sought | null {
    const digest = parseMark(typed);
    if (digest === null) return null;
    const by = this.linked !== null && this.linked.mark === hex(digest) ? this.linked.by : NaN;
    return { digest, by: Number.isSafeInteger(by) ? by : null };
  }

  private show(log: CheckedLog, { digest, by }: Sought): void {
    const { checkpoint } = log;
    const number = findBallot(log, digest);
    const format = new Intl.NumberFormat(this.data.locale);
    const values = {
      entry: format.format(number ?? 0),
      size: format.format(checkpoint.size),
      time: moment(this.data, number !== null ? checkpoint.at : (by ?? 0)),
    };
    const late = by !== null && Math.max(checkpoint.at, Date.now() / 1000) > by;
    const [title, todo, look] =
      number !== null
        ? ["found", "foundNext", "is-full"]
        : isClosed(log)
          ? ["missing", "missingDo", "is-late"]
          : late
            ? ["due", "dueDo", "is-late"]
            : ["waiting", by === null ? "waitingUnknown" : "waitingBy", "is-half"];
    const mark = find(this.root, "[data-answer-mark]");
    mark.className = `mark is-large ${look}`;
    mark.textContent = say(this.data, title as string);
    const where = find(this.root, "[data-answer-where]");
    where.textContent = say(this.data, "foundWhere", values);
    where.hidden = number === null;
    find(this.root, "[data-answer-do]").textContent = say(this.data, todo as string, values);
    find(this.root, "[data-log-size]").textContent = values.size;
    find(this.root, "[data-log-time]").textContent = moment(this.data, checkpoint.at);
    find(this.root, "[data-log-root]").textContent = (hex(checkpoint.root).slice(0, 16).match(/.{4}/g) ?? []).join(" ");
    const answer = find(this.root, "[data-answer]");
    answer.hidden = false;
    answer.focus({ preventScroll: true });
    answer.scrollIntoView({ block: "nearest" });
  }

  private refuse(key: string): void {
    const words = say(this.data, key);
    this.errors.show([{ field: "mark", summary: words, here: words }]);
  }

  private tell(words: string): void {
    find(this.root, "[data-said]").textContent = words;
  }
}

/** Return what a pasted promise is about, once the box signed it for this contest; null for anything else. */
function promised(typed: string, manifest: Manifest, ctx: Bytes): Sought | null {
  // Pasting loses the last line feed, and may bring others.
  const note = `${typed.trim().replace(/\r\n?/g, "\n")}\n`;
  try {
    const digest = unbase64(note.split("\n")[2] ?? "");
    return { digest, by: readPromise(note, manifest.box_vkey, ctx, digest).includeBy };
  } catch {
    return null;
  }
}
