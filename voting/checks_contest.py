"""Checks V1 to V4: is the bundle whole, whose contest is it, do its terms agree, who may vote, who issues tokens."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from schemas.contest import Manifest
from voting import bundle, methods
from voting.errors import InvalidBundle, InvalidMethod
from voting.evidence import Evidence, read_spki
from voting.proof import ballot, merkle, note, statement
from voting.words import plural

_FOLDERS = ("client", "issuance", "notices", "paper")
_CTX = re.compile(r"[0-9a-f]{20,64}")


def check_files(evidence: Evidence) -> str:
    """V1: the tar holds these files and nothing else, and each has the hash that SHA256SUMS gives it."""
    listed, actual = evidence.file(bundle.SHA256SUMS), bundle.sha256sums(evidence.files)
    if listed != actual:
        changed = sorted(
            {line[66:].decode("ascii", "replace") for line in set(listed.split(b"\n")) ^ set(actual.split(b"\n"))}
        )
        raise InvalidBundle(f"SHA256SUMS does not fit: missing, added or altered: {', '.join(changed)[:300]}")
    for name in bundle.NEEDED:
        evidence.file(name)
    known = (*bundle.NEEDED, "verify.py", "verify.html")
    strange = [name for name in sorted(evidence.files) if name not in known and name.split("/")[0] not in _FOLDERS]
    more = f"; this verifier does not know {', '.join(strange)[:200]}" if strange else ""
    return f"{len(evidence.files)} files, each with its hash{more}"


def check_manifest(evidence: Evidence) -> str:
    """V2: the authority signed these terms, they are the contest that the user means, and they hold together."""
    manifest, ctx = evidence.manifest, evidence.ctx.hex()
    statement.verify_manifest(evidence.file(bundle.MANIFEST))
    brought = evidence.brought
    if brought.ctx is not None:
        if not _CTX.fullmatch(brought.ctx):
            raise InvalidBundle(f"the ctx you gave, {brought.ctx[:70]!r}, is not 20 to 64 lower-case hex digits")
        if not ctx.startswith(brought.ctx):
            raise InvalidBundle(f"this is contest {ctx[:20]}, you asked for {brought.ctx[:20]}")
    if brought.authorities:
        _check_authorities(evidence)
    if problems := list(_problems(evidence, manifest)):
        raise InvalidBundle("; ".join(problems))
    signers = f"{manifest.authority.threshold} of {len(manifest.authority.keys)}"
    known = "as you gave it" if brought.ctx or brought.authorities else "self-consistent only"
    return f"{manifest.slug}, level {manifest.level}, contest {ctx[:20]}, {known}; {signers} authority keys must sign"


def _check_authorities(evidence: Evidence) -> None:
    keys = evidence.manifest.authority.keys
    for given in evidence.brought.authorities:
        if given not in keys:
            raise InvalidBundle(f"the authority key you gave, {given[:80]!r}, is not one of this contest's")
    signed = {line.id for line in note.split(evidence.file(bundle.MANIFEST))[1]}
    if not signed & {note.parse_vkey(given).id for given in evidence.brought.authorities}:
        raise InvalidBundle("none of the authority keys you gave signed the manifest")


def _problems(evidence: Evidence, manifest: Manifest) -> Iterator[str]:
    """Give what contradicts itself in a manifest."""
    yield from _problems_of_options(manifest)
    yield from _problems_of_method(evidence, manifest)
    yield from _problems_of_keys(evidence, manifest)
    if not manifest.issues_from <= manifest.opens_at < manifest.closes_at:
        yield "tokens must be issued from before the opening, and the opening must come before the close"
    class_ids = [one.id for one in manifest.classes]
    if len(set(class_ids)) != len(class_ids):
        yield "two classes have the same id"
    if set(manifest.texts_sha256) != set(manifest.languages):
        yield "texts_sha256 does not have exactly the manifest's languages"
    if manifest.pad != (pad := ballot.pad_size(manifest.ballot, [option.id for option in manifest.options])):
        yield f"pad is {manifest.pad}, the longest legal choices need {pad}"
    size = ballot.body_size(
        pad=pad, issuers=len(manifest.issuers), class_ids=class_ids, max_rev=manifest.max_rev
    )  # fmt: skip
    if manifest.body_size != size:
        yield f"body_size is {manifest.body_size}, the longest legal request needs {size}"
    if (manifest.beacon.kind == "reveal") != isinstance(manifest.beacon.commit, str):
        yield "a reveal beacon needs a commitment, a dice roll must not have one"
    if manifest.level == "high":
        yield from _problems_of_level_high(evidence, manifest)


def _problems_of_options(manifest: Manifest) -> Iterator[str]:
    ids = {option.id for option in manifest.options}
    if len(ids) != len(manifest.options):
        yield "two options have the same id"
    priced = sum(option.cost is not msgspec.UNSET for option in manifest.options)
    money = [manifest.budget, manifest.currency, manifest.minor_digits]
    unset = sum(one is msgspec.UNSET for one in money)
    if manifest.kind == "budget" and (unset or priced != len(ids)):
        yield "a budget contest needs a budget, a currency, its digits, and a cost for every option"
    if manifest.kind == "ranked" and (unset != len(money) or priced or manifest.exclusion_groups):
        yield "a ranked contest has no budget, no costs and no exclusion groups"
    seats = manifest.seats
    if seats is not msgspec.UNSET and (manifest.kind == "budget" or seats > len(ids)):
        yield "seats are for ranked contests, and not more than there are options"
    for group in manifest.exclusion_groups:
        if len(set(group)) != len(group) or not ids.issuperset(group):
            yield "an exclusion group names an option twice, or one that is none"


def _problems_of_method(evidence: Evidence, manifest: Manifest) -> Iterator[str]:
    pin = manifest.method
    spec, vectors = evidence.file(bundle.SPEC), evidence.file(bundle.VECTORS)
    if hashlib.sha256(spec).hexdigest() != pin.spec_sha256:
        yield f"{bundle.SPEC} is not the one that the manifest pins"
    if hashlib.sha256(vectors).hexdigest() != pin.vectors_sha256:
        yield f"{bundle.VECTORS} is not the one that the manifest pins"
    try:
        method = methods.find(f"{pin.id}/{pin.version}")
    except InvalidMethod:
        yield f"this verifier does not know the method {pin.id}/{pin.version}: take a newer one"
        return
    if spec != method.spec or vectors != method.vectors:
        yield f"the rules of {method.name} in the bundle are not those that this verifier counts by"
    kind = msgspec.to_builtins(manifest.ballot)["kind"]
    if method.kind != manifest.kind or kind not in method.ballot_kinds:
        yield f"{method.name} can't count {kind} ballots of a {manifest.kind} contest"


def _problems_of_keys(evidence: Evidence, manifest: Manifest) -> Iterator[str]:
    keys = [note.parse_vkey(key) for key in manifest.authority.keys]
    if not 1 <= manifest.authority.threshold <= len({key.key for key in keys}) == len(keys):
        yield "the authority's keys are not all different, or fewer than must sign"
    named = [
        (manifest.box_vkey, f"{manifest.box_host}/promise", note.ED25519),
        (manifest.log_vkey, manifest.log_origin, note.ED25519),
        (manifest.log_time_vkey, manifest.log_origin, note.COSIGNATURE),
    ]
    for issuer in manifest.issuers:
        origin = f"{issuer.host}/issuance/{manifest.slug}"
        named += [(issuer.log_vkey, origin, note.ED25519), (issuer.log_time_vkey, origin, note.COSIGNATURE)]
    named += [(str(key), key.name, note.ED25519) for key in keys]
    for text, name, algorithm in named:
        key = note.parse_vkey(text)
        if (key.name, key.algorithm) != (name, algorithm):
            yield f"the key {key.name!r} should be named {name!r}, or is for another kind of signature"
    if len({issuer.host for issuer in manifest.issuers}) != len(manifest.issuers):
        yield "two issuers have the same host"
    if evidence.file(bundle.POLICY) != "".join(f"{line}\n" for line in manifest.policy).encode():
        yield f"{bundle.POLICY} is not the manifest's policy"
    if [str(key) for key in evidence.policy.logs] != [manifest.log_vkey]:
        yield "the policy is not about this log"
    ours = {note.parse_vkey(text).key for text, _, _ in named}
    if any(key.key in ours for key in evidence.policy.witnesses.values()):
        yield "a witness has a key of the operator"


def _problems_of_level_high(evidence: Evidence, manifest: Manifest) -> Iterator[str]:
    if len(manifest.issuers) < 2:
        yield "level high needs two or more issuers"
    if evidence.policy.quorum_size() < 2:
        yield "level high needs two or more witnesses"
    if manifest.authority.threshold < 2 or len(manifest.authority.keys) < 3:
        yield "level high needs an authority of three or more keys of which two sign"
    if manifest.beacon.kind != "dice20":
        yield "level high draws the seed with dice"
    if manifest.assisted:
        yield "level high does not allow assisted casting"
    epoch = manifest.epoch
    if not manifest.rehearsal and not (epoch.min_batch >= 50 and 3600 <= epoch.min_s <= epoch.max_s <= 86400):
        yield "level high seals batches of 50 or more, every hour to every day"


def check_roll(evidence: Evidence) -> str:
    """V3: roll.txt is sorted, no code stands twice, and root and sizes are those of the manifest."""
    manifest, leaves = evidence.manifest, evidence.roll
    if merkle.root(merkle.leaf_hash(leaf.data()) for leaf in leaves.leaves()).hex() != manifest.roll_root:
        raise InvalidBundle("roll.txt does not have the root that the manifest commits to")
    sizes = Counter((leaf.cls, leaf.pool) for leaf in leaves.leaves())
    promised = {
        (index, pool): size
        for index, one in enumerate(manifest.classes)
        for pool, size in enumerate((one.roll_size, one.reserve_size))
        if size
    }
    if sizes != promised or len(leaves) != manifest.roll_size:
        raise InvalidBundle(f"the sizes of the classes in roll.txt, {len(leaves)} codes, are not the manifest's")
    reserve = sum(one.reserve_size for one in manifest.classes)
    classes = plural(len(manifest.classes), "class", "classes")
    return f"{plural(len(leaves), 'code')}, {reserve:,} of them in reserve; {classes}"


def check_issuers(evidence: Evidence) -> str:
    """V4: every issuer has for every class a key of its own: 2048 bits, odd, exponent 65537."""
    manifest = evidence.manifest
    seen: set[bytes] = set()
    for issuer in manifest.issuers:
        if set(issuer.spki) != {one.id for one in manifest.classes}:
            raise InvalidBundle(f"{issuer.host} does not have a key for each class")
        for cls in issuer.spki:
            spki = read_spki(issuer, cls)
            if spki in seen:
                raise InvalidBundle(f"{issuer.host}, class {cls}: this key stands twice in the manifest")
            seen.add(spki)
    return f"{plural(len(seen), 'key')} of {plural(len(manifest.issuers), 'issuer')}, all different"
