"""The tallier's count: two engines and a third opinion, any of which may stop a result."""

import msgspec
import pytest

from schemas.ballot import Approval, Ranking
from schemas.bundle import Opinion
from service.refusals import NotReady
from service.tallier.counting import count
from tests import honest
from tests.voting.test_opinions import two_seats

RANKINGS = [Ranking(("oak", "elm"))] * 5 + [Ranking(("elm", "ash"))] * 3 + [Ranking(("ash", "fir"))] * 2
SEED = "0" * 64


def test_a_count_names_who_counted_and_who_was_asked():
    """Two engines of ours agree, and pyrankvote finds the same winner."""
    pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")

    counted = count(honest.contest().manifest, RANKINGS, SEED)

    assert counted.chosen == ("oak",)
    assert [engine.name for engine in counted.engines] == ["voting.ranked.irv", "voting.plain_count"]
    (opinion,) = counted.opinions
    assert (opinion.name, opinion.speaks, opinion.agrees) == ("pyrankvote", True, True)


def test_several_seats_are_counted_with_fractions():
    """The Scottish rules for two seats; the published rounds hold the quota."""
    counted = count(two_seats(honest.contest().manifest), RANKINGS, SEED)

    assert counted.chosen == ("oak", "elm")
    assert b'"quota":"4.00000"' in counted.rounds
    assert counted.engines[0].name == "voting.ranked.stv_scottish"
    assert len(counted.opinions) == 1


def test_pabutools_is_silent_about_projects_that_exclude_each_other():
    """The reason is part of what is published."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")

    counted = count(honest.contest("budget").manifest, [Approval(("bus", "park"))] * 3, SEED)

    (opinion,) = counted.opinions
    assert (opinion.name, opinion.speaks, opinion.agrees) == ("pabutools", False, None)
    assert "exclude each other" in opinion.reason


def test_whoever_speaks_and_disagrees_stops_the_result():
    """The ballots can be published then; a result is not."""
    denies = Opinion(name="other", version="1", speaks=True, agrees=False, reason="it elects elm")

    with pytest.raises(NotReady, match=r"other disagrees on 'ranked-contest' \(it elects elm\)"):
        count(honest.contest().manifest, RANKINGS, SEED, ask=lambda *_, **__: denies)


def test_silence_stops_nothing():
    """Whoever can't speak is published with the reason."""
    silent = Opinion(name="other", version="1", speaks=False, agrees=None, reason="it can't count so many")

    counted = count(honest.contest().manifest, RANKINGS, SEED, ask=lambda *_, **__: silent)

    assert counted.opinions == (silent,)
    assert msgspec.json.decode(counted.rounds)["method"] == "irv/1"
