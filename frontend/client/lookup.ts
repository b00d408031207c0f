/** Was my code used? Only the holder of a code can ask (protocol section 5). */

import { getText, postForObject, NoAnswer, Refused } from "./api.ts";
import type { Fetch } from "./api.ts";
import { hex } from "./bytes.ts";
import { rollKey } from "./code.ts";
import { rollId } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { lookupBody } from "./tokens.ts";

/** What became of a code: a token was issued for it, none was, it no longer counts, or it is on no roll. */
export type CodeState = "used" | "unused" | "voided" | "unknown";

/** Where the answer is: the issuer's address, and its host as published files name it. */
export interface Issuer {
  readonly url: string;
  readonly host: string;
}

/** Return what became of a code, and the public key that it stands for, as hex.
 *
 *  While codes are issued, the issuer is asked, with a signature made by the code. Once it has stopped, all issuances
 *  are public: they are downloaded and searched here. Throws Refused or NoAnswer.
 */
export async function lookUp(
  fetch: Fetch,
  id: string,
  ctx: Uint8Array,
  manifest: Manifest,
  issuer: Issuer,
  code: Uint8Array,
): Promise<{ state: CodeState; rollPk: string }> {
  const roll = rollKey(code, rollId(manifest));
  const rollPk = hex(roll.pk);
  try {
    const url = `${issuer.url}/api/v1/contests/${id}/issued`;
    const answer = await postForObject(fetch, url, lookupBody(ctx, roll));
    if (typeof answer["issued"] !== "boolean" || typeof answer["voided"] !== "boolean")
      throw new NoAnswer("the answer is not one of a look-up");
    return { state: answer["voided"] ? "voided" : answer["issued"] ? "used" : "unused", rollPk };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.slug === "code-unknown") return { state: "unknown", rollPk };
    if (error.slug !== "contest-not-open") throw error;
    return { state: await searchPublished(fetch, id, issuer.host, rollPk), rollPk };
  }
}

async function searchPublished(fetch: Fetch, id: string, host: string, rollPk: string): Promise<CodeState> {
  const base = `/api/v1/contests/${id}`;
  const named = (text: string) => text.includes(`"roll_pk":"${rollPk}"`);
  const notices: unknown = JSON.parse(await getText(fetch, `${base}/notices`));
  if (Array.isArray(notices) && notices.some((notice) => named(String(notice)))) return "voided";
  if (named(await getText(fetch, `${base}/files/issuance/${host}/entries.jsonl`))) return "used";
  const lines = (await getText(fetch, `${base}/roll`)).split("\n");
  return lines.some((line) => line.startsWith(rollPk)) ? "unused" : "unknown";
}
