/** The deterministic half of the voter's side as one function, so that other programs can compare byte for byte. */

import { commitTo, encodeHeader, leafDigest, plaintext, sealInfo, signHeader } from "./ballot.ts";
import { base64, hex, unbase64, unhex } from "./bytes.ts";
import { codeGroups, parseCode, phraseGroups, rollKey } from "./code.ts";
import { sha256 } from "./tags.ts";
import { challenge, finishToken, rollSignature, tokenRequest } from "./tokens.ts";
import { ballotSalt, voterFrom } from "./voter.ts";

/** Everything the values below are made from. Binary values are hex, keys and answers base64, as in the protocol. */
export interface SelftestInput {
  readonly seed: string;
  readonly ctx: string;
  readonly code: string;
  readonly roll_id: string;
  readonly cls: string;
  readonly box_host: string;
  /** DER SubjectPublicKeyInfo as base64; `response` is the issuer's blind signature, where there is one. */
  readonly issuers: readonly { readonly host: string; readonly spki: string; readonly response?: string }[];
  readonly rev: number;
  /** Canonical JSON of the choices. */
  readonly choices: string;
  readonly pad: number;
  /** Sealed bytes to put into the header, as base64: sealing itself is randomised. */
  readonly sealed: string;
}

/** What must be equal everywhere. */
export interface SelftestOutput {
  readonly pk: string;
  readonly code: string;
  readonly code_groups: readonly string[];
  readonly phrase: readonly string[];
  readonly roll_sk: string;
  readonly roll_pk: string;
  readonly challenges: readonly string[];
  readonly token_inputs: readonly string[];
  readonly pss_salts: readonly string[];
  readonly factors: readonly string[];
  readonly requests: readonly string[];
  readonly hashes: readonly string[];
  readonly roll_sig: string;
  readonly tokens: readonly string[];
  readonly salt: string;
  readonly commit: string;
  readonly plaintext: string;
  readonly seal_info: string;
  readonly header: string;
  readonly sig: string;
  readonly digest: string;
}

/** Return every value that has no chance in it, for one voter and one ballot. */
export function selftest(input: SelftestInput): SelftestOutput {
  const voter = voterFrom(unhex(input.seed), unhex(input.ctx));
  const code = parseCode(input.code);
  const roll = rollKey(code, unhex(input.roll_id));
  const requests = input.issuers.map(({ host, spki }) => tokenRequest(voter, host, input.box_host, unbase64(spki)));
  const all = requests.map(({ request }) => request);
  const tokens = input.issuers.flatMap(({ response }, at) =>
    response === undefined ? [] : [base64(finishToken(requests[at] as (typeof requests)[0], response))],
  );
  const commit = commitTo(voter, input.rev, input.choices);
  const sealed = unbase64(input.sealed);
  const header = encodeHeader(voter, { cls: input.cls, rev: input.rev, commit, sealed, tokens });
  const signature = signHeader(voter, header);
  return {
    pk: hex(voter.pk),
    code: hex(code),
    code_groups: codeGroups(code),
    phrase: phraseGroups(voter.seed),
    roll_sk: hex(roll.secret),
    roll_pk: hex(roll.pk),
    challenges: input.issuers.map(({ host }) => hex(challenge(host, voter.ctx, input.box_host))),
    token_inputs: requests.map((request) => hex(request.input)),
    pss_salts: requests.map((request) => hex(request.salt)),
    factors: requests.map((request) => request.factor.toString(16).padStart(512, "0")),
    requests: all.map(base64),
    hashes: all.map((request) => hex(sha256(request))),
    roll_sig: base64(rollSignature(roll, voter.ctx, all)),
    tokens,
    salt: hex(ballotSalt(voter, input.rev)),
    commit: hex(commit),
    plaintext: hex(plaintext(voter, input.rev, input.choices, input.pad)),
    seal_info: hex(sealInfo(voter, input.rev, commit)),
    header,
    sig: base64(signature),
    digest: base64(leafDigest(header, signature)),
  };
}
