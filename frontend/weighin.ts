/** The one script of the pages. It upgrades what it finds; every page can be read without it. */

import type { World } from "./client/casting.ts";
import { parseCode, WrongCode } from "./client/code.ts";
import { DeviceStore, memoryShelf } from "./client/storage.ts";
import type { Shelf } from "./client/storage.ts";
import { codeErrors } from "./elements/code-field/code-field.ts";
import type { VotingData } from "./elements/voting-page/page.ts";
import { find } from "./elements/voting-page/page.ts";
import { VotingPage } from "./elements/voting-page/voting-page.ts";

const world: World = {
  fetch: (url, init) => fetch(url, init),
  random: (size) => crypto.getRandomValues(new Uint8Array(size)),
  wait: (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
};

forgetClosedContest();
startHomeForm();
startVotingPage();

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
