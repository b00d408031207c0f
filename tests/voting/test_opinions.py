"""What verify makes of third opinions in a result note, and of a contest that fills several seats."""

import hashlib

import msgspec
import pytest

from schemas.bundle import Opinion, Result
from schemas.contest import Manifest, MethodPin
from tests import honest
from voting import methods
from voting.verify import BundleRejected, verify_bundle

AGREES = Opinion(name="pyrankvote", version="2.0.6", speaks=True, agrees=True, reason="it elects the same option")
SILENT = Opinion(name="pyrankvote", version="2.0.6", speaks=False, agrees=None, reason="two options were tied")


def with_opinions(*opinions: Opinion) -> dict[str, bytes]:
    """The files of an honest contest whose result note holds these opinions."""

    def change(result: Result) -> Result:
        return msgspec.structs.replace(result, opinions=opinions)

    return honest.contest().files(result=change)


def test_an_opinion_is_told_and_its_silence_with_the_reason() -> None:
    """V20 passes and says who agrees, and why someone is silent; it does not ask again."""
    report = verify_bundle(with_opinions(AGREES, SILENT))

    detail = next(check.detail for check in report.checks if check.id == "V20")
    assert "pyrankvote 2.0.6 is said to agree" in detail
    assert "pyrankvote 2.0.6 is silent: two options were tied" in detail


def test_a_note_from_before_there_were_opinions_still_passes() -> None:
    """Absent is not empty: an old note keeps its bytes."""
    assert verify_bundle(honest.contest().files()).result == "passed"
    assert verify_bundle(with_opinions()).result == "passed"


@pytest.mark.parametrize(
    ("opinion", "why"),
    [
        (msgspec.structs.replace(AGREES, agrees=False, reason="it elects elm"), "disagrees: it elects elm"),
        (msgspec.structs.replace(AGREES, agrees=None), "contradicts itself"),
        (msgspec.structs.replace(SILENT, agrees=True), "contradicts itself"),
        (msgspec.structs.replace(SILENT, agrees=False), "contradicts itself"),
        (msgspec.structs.replace(SILENT, reason=""), "gives no reason"),
    ],
)
def test_an_opinion_that_disagrees_or_contradicts_itself_rejects_the_bundle(opinion: Opinion, why: str) -> None:
    """V20: a result that someone who speaks denies must not have been published."""
    with pytest.raises(BundleRejected) as error:
        verify_bundle(with_opinions(AGREES, opinion))

    failed = {check.id: check.detail for check in error.value.report.checks if check.passed is False}
    assert list(failed) == ["V20"]
    assert why in failed["V20"]


def two_seats(manifest: Manifest) -> Manifest:
    """The same contest for two seats, by the Scottish rules."""
    method = methods.find("stv-scottish")
    pin = MethodPin(
        id=method.id,
        version=method.version,
        spec_sha256=hashlib.sha256(method.spec).hexdigest(),
        vectors_sha256=hashlib.sha256(method.vectors).hexdigest(),
    )
    return msgspec.structs.replace(manifest, seats=2, method=pin)


def test_a_contest_with_several_seats_is_verified() -> None:
    """Every round with its quota, fractions and losses is counted again by the verifier's own engine."""
    report = verify_bundle(honest.contest(voters=9, change=two_seats).files())

    assert report.result == "passed"
    assert isinstance(report.elected, tuple)
    assert len(report.elected) == 2
