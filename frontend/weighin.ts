/** The one script of the pages. It upgrades what it finds; every page can be read without it. */

import type { World } from "./client/casting.ts";
import { parseCode, WrongCode } from "./client/code.ts";
import { DeviceStore, memoryShelf } from "./client/storage.ts";
import type { Shelf } from "./client/storage.ts";
import { BallotCheck } from "./elements/ballot-check/ballot-check.ts";
import type { CheckData } from "./elements/ballot-check/ballot-check.ts";
import { CodeCheck } from "./elements/code-check/code-check.ts";
import type { CodeData } from "./elements/code-check/code-check.ts";
import { codeErrors } from "./elements/code-field/code-field.ts";
import type { VotingData } from "./elements/voting-page/page.ts";
import { find } from "./elements/voting-page/page.ts";
import { VotingPage } from "./elements/voting-page/voting-page.ts";

const world: World = {
  fetch: (url, init) => fetch(url, init),
  random: (size) => crypto.getRandomValues(new Uint8Array(size)),
  wait: (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
};

// Before anything is forgotten: a ballot without a promise may be looked for after the close.
startBallotCheck();
forgetClosedContest();
startHomeForm();
startVotingPage();
startCodeCheck();
startCopies();

/** Erase what this device kept for a contest that has closed. */
function forgetClosedContest(): void {
  const ctx = document.body.dataset["forget"];
  if (ctx === undefined) return;
  new DeviceStore(shelf(() => localStorage), ctx).forget();
  shelf(() => sessionStorage).removeItem(`weighin/v1/${ctx}/code`);
}

/** The code field of the first page: checked here, and handed to the voting page in the fragment. */
function startHomeForm(): void {
  const form = document.querySelector<HTMLFormElement>("[data-home-code]");
  if (form === null) return;
  const data = read<{ strings: Record<string, string> }>("home-data");
  const input = find<HTMLInputElement>(form, "#home-code");
  const error = find(form, "#home-code-error");
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      parseCode(input.value);
      const target = find<HTMLInputElement | HTMLSelectElement>(form, "#home-contest").value;
      location.assign(`${target}#code=${encodeURIComponent(input.value.replace(/[\s-]/g, ""))}`);
    } catch (wrong) {
      if (!(wrong instanceof WrongCode)) throw wrong;
      const folded = input.value.toUpperCase().replace(/[\s-]/g, "");
      const groups = [0, 5, 10, 15].map((at) => folded.slice(at, at === 15 ? undefined : at + 5));
      error.textContent = codeErrors(data, groups).map(({ words }) => words).join(" ");
      error.hidden = false;
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
  });
}

/** The voting page, if this is one and the browser can seal a ballot. */
function startVotingPage(): void {
  const root = document.querySelector<HTMLElement>("[data-voting]");
  if (root === null || document.getElementById("voting-data") === null) return;
  if (globalThis.crypto?.subtle === undefined) {
    find(root, "[data-insecure]").hidden = false;
    return;
  }
  const data = read<VotingData>("voting-data");
  new VotingPage(root, data, world, shelf(() => localStorage), shelf(() => sessionStorage)).start();
}

/** The page "Was my code used?". */
function startCodeCheck(): void {
  const root = document.querySelector<HTMLElement>("[data-code-check]");
  if (root === null || document.getElementById("code-data") === null) return;
  new CodeCheck(root, read<CodeData>("code-data"), world, shelf(() => localStorage)).start();
}

/** The page "Find my ballot". */
function startBallotCheck(): void {
  const root = document.querySelector<HTMLElement>("[data-ballot-check]");
  if (root === null || document.getElementById("check-data") === null) return;
  new BallotCheck(root, read<CheckData>("check-data"), world, shelf(() => localStorage)).start();
}

/** Buttons that copy a command; the browser allows it on secure pages only. */
function startCopies(): void {
  if (navigator.clipboard === undefined) return;
  for (const button of document.querySelectorAll<HTMLElement>("[data-copy]")) {
    const [line, source] = [button.parentElement, document.getElementById(button.dataset["copy"] ?? "")];
    const said = line?.querySelector<HTMLElement>("[data-copied]");
    if (line === null || source === null || said === null || said === undefined) continue;
    line.hidden = false;
    button.addEventListener("click", () => {
      void navigator.clipboard.writeText(source.textContent ?? "").then(() => {
        said.textContent = said.dataset["copied"] ?? "";
      });
    });
  }
}

function read<T>(id: string): T {
  return JSON.parse(document.getElementById(id)?.textContent ?? "null") as T;
}

/** The browser's storage, or one in memory where it may not be used. */
function shelf(open: () => Storage): Shelf {
  try {
    const storage = open();
    storage.getItem("weighin");
    return storage;
  } catch {
    return memoryShelf();
  }
}
