"""Contests by the budget methods: counted twice, published, and verified by someone else, share and all."""

import hashlib
import json

import msgspec
import pytest

from schemas.ballot import Approval
from schemas.contest import Manifest, MethodPin
from schemas.outcome import BudgetRounds
from service.tallier.counting import count
from tests import honest
from voting import bundle, methods
from voting.proof import canonical
from voting.verify import BundleRejected, verify_bundle

NAMES = ("greedy-cost", "equal-shares", "equal-shares-cardinal", "phragmen")
SEED = "0" * 64


def by(name, *, exclusive=True):
    """A change of a manifest: another method, and, if wanted, no exclusion groups."""
    method = methods.find(name)
    pin = MethodPin(
        id=method.id,
        version=method.version,
        spec_sha256=hashlib.sha256(method.spec).hexdigest(),
        vectors_sha256=hashlib.sha256(method.vectors).hexdigest(),
    )

    def change(manifest: Manifest) -> Manifest:
        groups = manifest.exclusion_groups if exclusive else ()
        return msgspec.structs.replace(manifest, method=pin, exclusion_groups=groups)

    return change


@pytest.mark.parametrize("name", NAMES)
def test_a_contest_is_verified(name):
    """Every round, price and share is found again by the verifier's own engine."""
    report = verify_bundle(honest.contest("budget", voters=9, change=by(name)).files())

    assert report.result == "passed"


@pytest.mark.parametrize("endowment", ["1", None, "absent"])
def test_another_share_than_was_counted_is_rejected(endowment):
    """V19: the share of the run that counts is published, so it is verified."""

    def tamper(files: dict[str, bytes]) -> None:
        rounds = json.loads(files[bundle.ROUNDS])
        assert isinstance(rounds["endowment"], str)
        rounds["endowment"] = endowment
        if endowment == "absent":
            del rounds["endowment"]
        files[bundle.ROUNDS] = json.dumps(rounds, sort_keys=True, separators=(",", ":")).encode()

    with pytest.raises(BundleRejected) as error:
        verify_bundle(honest.contest("budget", voters=9, change=by("equal-shares")).files(tamper=tamper))

    failed = {check.id: check.detail for check in error.value.report.checks if check.passed is False}
    assert "endowment" in failed["V19"]


@pytest.mark.parametrize("name", NAMES)
def test_three_programs_agree_before_a_result_is_published(name):
    """Both engines and pabutools, with shares raised by whole units of the currency."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")
    manifest = by(name, exclusive=False)(honest.contest("budget").manifest)
    choices = [Approval(("bus", "park"))] * 3 + [Approval(("light",))] * 2 + [Approval(())]

    counted = count(manifest, choices, SEED)

    assert [engine.name.split(".")[-1] for engine in counted.engines] == [
        name.split("-c")[0].replace("-", "_"), "plain_count",
    ]  # fmt: skip
    (opinion,) = counted.opinions
    assert (opinion.name, opinion.speaks, opinion.agrees) == ("pabutools", True, True)


def test_the_unit_of_the_currency_is_the_manifests():
    """With 2 minor digits shares are raised by 100 minor units, without by 1: another share, in both engines."""
    plain = by("equal-shares", exclusive=False)(honest.contest("budget").manifest)
    choices = [Approval(("bus",))] * 3 + [Approval(("park",))] * 3 + [Approval(("light",))]

    def share(digits):
        manifest = msgspec.structs.replace(plain, budget=1_000, minor_digits=digits)
        counted = count(manifest, choices, SEED)
        return canonical.decode(counted.rounds, BudgetRounds).endowment

    assert share(0) != share(2)
