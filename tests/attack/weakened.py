"""The service with one check taken out of it, or with one of its rooms in other hands.

    python -m tests.attack.weakened WEAKNESS.. serve --port N

Every weakness replaces one name in one module; then the ordinary command line is called. The server forks its workers,
so they have it too. The service knows nothing of this: there is no switch in it that turns a check off.
"""

import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from schemas.ballot import Choices
from schemas.roll import IssueAnswer, IssueRequest
from service import cli
from service.box import casting
from service.desk import publishing
from service.keys import KeyFolder
from service.registrar import issuing
from service.registrar.signer import BlindSigner, new_key
from service.tallier import counting
from voting import plain_count, profile
from voting.proof import canonical, tokens
from voting.proof.base64s import from_base64, to_base64


def replace(file: ModuleType, module: str, **instead: object) -> None:
    """Let some names of a module mean something else in one file of the service, and nowhere else."""
    setattr(file, module, SimpleNamespace(**{**vars(getattr(file, module)), **instead}))


def any_signature() -> None:
    """The box takes a ballot whoever signed it."""
    replace(casting, "signing", verify=lambda *_: True)


def any_token() -> None:
    """The box takes a ballot whatever its tokens are."""
    replace(casting, "tokens", is_token=lambda *_: True)


def a_key_per_voter() -> None:
    """The registrar logs as ever, and signs with a key that it made for this code alone."""
    honest = issuing.Registrar.issue
    replace(issuing, "tokens", read_request=lambda data, _spki: data[3:])

    async def issue(self: issuing.Registrar, contest_id: str, body: bytes) -> bytes:
        await honest(self, contest_id, body)
        asked = msgspec.json.decode(body, type=IssueRequest)
        signer = tagging_signer(self.keys, asked.roll_pk)
        number = int.from_bytes(from_base64(asked.request)[3:], "big") % tokens.decode_spki(signer.spki)
        return canonical.encode(IssueAnswer(response=to_base64(signer.sign(number.to_bytes(256, "big")))))

    issuing.Registrar.issue = issue  # type: ignore[method-assign]


TAGS = "tags"
"""Where a registrar that tags keeps its keys, each under the code that it is for."""


def tagging_signer(keys: KeyFolder, roll_pk: str) -> BlindSigner:
    """Return the key that a registrar has made for one code, and make it if there is none."""
    keys.keep(
        TAGS, f"{roll_pk}.pem",
        make=lambda: new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )  # fmt: skip
    return issuing.load_signer(keys, TAGS, roll_pk)


def no_look_at_the_bundle() -> None:
    """The desk signs and publishes what it is handed, without verifying it as a stranger would."""
    replace(publishing, "verify", verify_bundle=lambda *_, **__: None)


def plain_engine_loses() -> None:
    """The tallier's plain engine does not see the rarest kind of ballot."""
    count = plain_count.count

    def lose(name: str, ballots: list[tuple[plain_count.Ballot, int]], **terms: Any) -> dict[str, Any]:
        rarest = min(ballots, key=lambda one: one[1])
        return count(name, [one for one in ballots if one is not rarest], **terms)

    replace(counting, "plain_count", count=lose)


def fast_engine_loses() -> None:
    """The tallier's fast engine, whose rounds are published, does not see the rarest kind of ballot."""
    merge = profile.merge_counted

    def lose(counted: Counter[Choices], ids: tuple[str, ...]) -> profile.Profile:
        return merge(Counter(dict(counted.most_common()[:-1])), ids)

    replace(counting, "profile", merge_counted=lose)


def engines_may_differ() -> None:
    """The tallier does not compare its two engines."""
    counting._agree = lambda *_: True


WEAKNESSES: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        any_signature, any_token, a_key_per_voter, no_look_at_the_bundle, plain_engine_loses, fast_engine_loses,
        engines_may_differ,
    )
}  # fmt: skip


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")  # where that is not the default, a worker would begin anew
    chosen, arguments = sys.argv[1 : sys.argv.index("serve")], sys.argv[sys.argv.index("serve") :]
    for name in chosen:
        WEAKNESSES[name]()
    sys.exit(cli.main(arguments))
