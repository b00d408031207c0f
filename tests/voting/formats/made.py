"""Ranked profiles that Hypothesis makes up: short rankings, ties, empty ballots, names of any script."""

from hypothesis import strategies as st

from schemas.ballot import Ranking
from voting.profile import merge_counted

NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=6)


@st.composite
def ranked_profiles(draw, equal=True, names=NAMES, complete=False, empty=True):
    """A profile with options that nobody ranks, too; of complete rankings without empty ballots where asked."""
    options = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    counted = {}
    for _ in range(draw(st.integers(0, 6))):
        listed = draw(st.permutations(options))
        length = len(listed) if complete else draw(st.integers(0 if empty else 1, len(listed)))
        ranks = []
        for name in listed[:length]:
            if ranks and equal and draw(st.booleans()):
                ranks[-1] = tuple(sorted((*ranks[-1], name), key=options.index))
            else:
                ranks.append((name,))
        counted[Ranking(tuple(ranks))] = draw(st.integers(1, 10**6))
    return merge_counted(counted, options)


def same(one, other):
    """Whether two profiles are the same in everything."""
    return (
        one.options == other.options
        and one.ballots == other.ballots
        and one.rankings.tolist() == other.rankings.tolist()
        and one.counts.tolist() == other.counts.tolist()
        and (None if one.tied is None else one.tied.tolist()) == (None if other.tied is None else other.tied.tolist())
    )
