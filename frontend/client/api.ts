/** Registrar and box over HTTP: no cookies, no referrer, nothing cached. Refusals are problem documents (RFC 9457). */

/** The service said no, in a problem document. `slug` is the end of its type, such as "code-used". */
export class Refused extends Error {
  readonly slug: string;
  readonly lastRev: number | null;
  readonly retryAfter: number | null;

  constructor(slug: string, detail: string, lastRev: number | null, retryAfter: number | null) {
    super(detail);
    this.name = "Refused";
    this.slug = slug;
    this.lastRev = lastRev;
    this.retryAfter = retryAfter;
  }
}

/** No answer came, or none that can be read: nobody knows whether the request arrived. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** The part of window.fetch that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const QUIET: RequestInit = {
  credentials: "omit",
  referrerPolicy: "no-referrer",
  cache: "no-store",
  redirect: "error",
};

/** Return the text at a URL. Throws Refused or NoAnswer. */
export async function getText(fetch: Fetch, url: string): Promise<string> {
  return (await ask(fetch, url, { ...QUIET, method: "GET" })).text();
}

/** Return the bytes at a URL. Throws Refused or NoAnswer. */
export async function getBytes(fetch: Fetch, url: string): Promise<Uint8Array> {
  const response = await ask(fetch, url, { ...QUIET, method: "GET" });
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new NoAnswer(String(error));
  }
}

/** Send a body of canonical JSON and return one text field of the answer. Throws Refused or NoAnswer. */
export async function post(fetch: Fetch, url: string, body: string, field: string): Promise<string> {
  const value = (await postForObject(fetch, url, body))[field];
  if (typeof value !== "string") throw new NoAnswer(`the answer has no ${field}`);
  return value;
}

/** Send a body of canonical JSON and return the answer, a JSON object. Throws Refused or NoAnswer. */
export async function postForObject(fetch: Fetch, url: string, body: string): Promise<Record<string, unknown>> {
  const headers = { "content-type": "application/json" };
  return json(await ask(fetch, url, { ...QUIET, method: "POST", headers, body }));
}

async function ask(fetch: Fetch, url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    throw new NoAnswer(String(error));
  }
  if (response.ok) return response;
  const problem = await json(response);
  const slug = /^\/problems\/([a-z-]+)$/.exec(String(problem["type"]))?.[1];
  // A gateway's error page is no refusal: the box itself may have taken the ballot.
  if (slug === undefined) throw new NoAnswer(`status ${response.status}`);
  const lastRev = typeof problem["last_rev"] === "number" ? problem["last_rev"] : null;
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  throw new Refused(slug, String(problem["detail"] ?? ""), lastRev, Number.isFinite(seconds) ? seconds : null);
}

async function json(response: Response): Promise<Record<string, unknown>> {
  try {
    const value: unknown = await response.json();
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
