"""Every published budget of the data sets, by every budget method and by both engines."""

import gzip

import pytest

from tests.voting.budget.test_engines import plain
from voting import plain_count
from voting.budget.equal_shares import count_equal_shares
from voting.formats.pabulib import read_pabulib
from voting.methods import find

CITIES = (
    "Czestochowa", "Gdansk", "Krakow", "Lodz", "Mechanical", "Stanford", "Toulouse", "Wieliczka", "Wroclaw", "Zabrze",
    "Zurich",
)  # fmt: skip


def compare(folder, *, cells_max):
    """Count the files of a city with at most so many pairs of a mark and a project; return how many there were."""
    if not folder.is_dir():
        pytest.skip(f"there is no ../shared/data/budget/{folder.name}")
    compared = 0
    for path in sorted(folder.glob("*.pb.gz")):
        file = read_pabulib(gzip.decompress(path.read_bytes()))
        order = sorted(file.terms.options)
        if not 0 < len(file.profile.members) * len(order) <= cells_max:
            continue
        compared += 1
        ballots = list(file.profile.unique())
        for name in ("greedy", "greedy-cost", "phragmen", "equal-shares", "equal-shares-cardinal"):
            if name == "phragmen" and int(file.profile.values.max()) > 1:
                continue
            slow = plain_count.count(
                f"{name}/1", ballots, options=file.terms.options, order=order, budget=file.terms.budget,
                costs=file.terms.costs, minor_digits=file.terms.minor_digits, completion="none",
            )  # fmt: skip
            if name.startswith("equal"):
                fast = count_equal_shares(
                    file.profile, terms=file.terms, order=order, cardinal=name.endswith("cardinal"), completion="none"
                )
            else:
                fast = find(name).count(file.profile, terms=file.terms, order=order)
            assert plain(fast) == slow, (path.name, name)
    return compared


@pytest.mark.parametrize("city", CITIES)
def test_both_engines_on_small_budgets_of_a_city(shared, city):
    """Approvals, points and Borda points of real ballots: the same rounds, prices and draws."""
    compare(shared / "data/budget" / city, cells_max=5_000)


@pytest.mark.full
@pytest.mark.parametrize("city", CITIES)
def test_both_engines_on_all_budgets_of_a_city(shared, city):
    """The same with the largest."""
    assert compare(shared / "data/budget" / city, cells_max=10**9) > 0


@pytest.mark.full
def test_both_engines_raise_shares_alike_in_wieliczka(shared):
    """164 raises, each run made by the plain engine, too: about ten seconds."""
    path = shared / "data/budget/Wieliczka/Poland_Wieliczka_2023_Green_Budget.pb.gz"
    if not path.is_file():
        pytest.skip("there is no ../shared/data/budget/Wieliczka")
    file = read_pabulib(gzip.decompress(path.read_bytes()))

    slow = plain_count.count(
        "equal-shares/1", list(file.profile.unique()), options=file.terms.options, order=file.terms.options,
        budget=file.terms.budget, costs=file.terms.costs,
    )  # fmt: skip

    assert plain(find("equal-shares").count(file.profile, terms=file.terms, order=file.terms.options)) == slow
