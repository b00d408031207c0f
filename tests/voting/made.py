"""Elections that Hypothesis makes up, small enough that ties and empty ballots are common."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import strategies as st

from schemas.ballot import Ranking, Scores
from voting.profile import Profile, Terms, merge_counted

NAMES = ("ash", "birch", "cedar", "elm", "fir", "hazel", "oak")


@dataclass(frozen=True)
class MadeElection:
    """Ballots with multiplicities, as voters sent them, with the terms and a tie order."""

    terms: Terms
    order: tuple[str, ...]
    ballots: tuple[tuple[Ranking | Scores, int], ...]

    @property
    def profile(self) -> Profile:
        """The ballots, merged."""
        counted: Counter[Ranking | Scores] = Counter()
        for choices, times in self.ballots:
            counted[choices] += times
        return merge_counted(counted, self.terms.options)

    @property
    def plain(self) -> list[tuple[tuple[str, ...] | dict[str, int], int]]:
        """The ballots as the plain engine takes them, not merged."""
        return [
            (choices.ranking if isinstance(choices, Ranking) else dict(choices.scores), times)
            for choices, times in self.ballots
        ]


@st.composite
def ranked_elections(draw, least_options=1, most_times=4):
    """Rankings of any length, also empty, with few votes, so that many rounds are tied."""
    options = tuple(draw(st.permutations(NAMES))[: draw(st.integers(least_options, len(NAMES)))])
    ranking = st.permutations(options).flatmap(
        lambda names: st.integers(0, len(names)).map(lambda length: Ranking(tuple(names[:length])))
    )
    ballots = draw(st.lists(st.tuples(ranking, st.integers(1, most_times)), max_size=12))
    return MadeElection(Terms(options), tuple(draw(st.permutations(options))), tuple(ballots))


@st.composite
def budget_elections(draw, approvals=False):
    """Approvals or points with costs from few values, so that scores and costs are tied, and now and then groups."""
    options = tuple(draw(st.permutations(NAMES))[: draw(st.integers(1, len(NAMES)))])
    highest = 1 if approvals else draw(st.sampled_from([1, 3]))
    scores = st.dictionaries(st.sampled_from(options), st.integers(1, highest), max_size=len(options))
    ballots = draw(
        st.lists(
            st.tuples(scores.map(lambda given: Scores(tuple(sorted(given.items())))), st.integers(1, 3)), max_size=10
        )
    )
    terms = Terms(
        options,
        budget=draw(st.integers(0, 25)),
        costs=tuple(draw(st.lists(st.integers(0, 8), min_size=len(options), max_size=len(options)))),
        groups=tuple(
            draw(st.lists(st.lists(st.sampled_from(options), unique=True, min_size=1).map(tuple), max_size=2))
        ),
    )
    return MadeElection(terms, tuple(draw(st.permutations(options))), tuple(ballots))
