/** One value, one string of bytes: the canonical JSON that is hashed and signed (protocol section 2).
 *
 *  RFC 8785 restricted to objects with keys `[a-z_]+`, arrays, strings without control characters in NFC, safe
 *  integers, true, false and null. On this subset a key-sorted JSON.stringify is the canonical form.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Return the canonical JSON of a value. Throws a RangeError for a value outside the subset. */
export function canonical(value: Json): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new RangeError("only safe integers are canonical");
    return String(value);
  }
  if (typeof value === "string") {
    // Lone surrogates have no UTF-8; control characters and decomposed letters have more than one spelling.
    if (/[\u0000-\u001f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value))
      throw new RangeError("text with control characters or broken letters is not canonical");
    if (value.normalize("NFC") !== value) throw new RangeError("only NFC text is canonical");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const object = value as { readonly [key: string]: Json };
  const members = Object.keys(object)
    .sort()
    .map((key) => {
      // Languages and issuers' classes are keys too; they are ASCII, so that their order is the same everywhere.
      if (!/^[A-Za-z0-9_-]+$/.test(key)) throw new RangeError(`the key ${JSON.stringify(key)} is not canonical`);
      return `${JSON.stringify(key)}:${canonical(object[key] as Json)}`;
    });
  return `{${members.join(",")}}`;
}

/** Return the value that `source` is the canonical JSON of. Throws when it is not in canonical form. */
export function decodeCanonical(source: string): Json {
  const value = JSON.parse(source) as Json;
  if (canonical(value) !== source) throw new RangeError("not in canonical form");
  return value;
}
