"""A published budget counted as its city counted it: by the rule, the threshold and the tie order of its file."""

from schemas.outcome import BudgetOutcome
from voting.budget.equal_shares import count_equal_shares
from voting.budget.greedy import count_greedy
from voting.formats.pabulib import PabulibFile, RecordedRule


def count_recorded(file: PabulibFile, recorded: RecordedRule) -> BudgetOutcome:
    """Return the count of a file by the rule that its META names.

    Where the file says no more, ties go by the order of the file: all of them in greedy counts, which is how cities
    publish; in Equal Shares those that cost and votes leave open.

    Args:
        file: As `read_pabulib` gives it.
        recorded: As `recorded_rule` gives it for this file.
    """
    if recorded.equal_shares:
        return count_equal_shares(file.profile, terms=file.terms, order=recorded.order, compare=recorded.compare)
    return count_greedy(
        file.profile,
        terms=file.terms,
        order=recorded.order,
        order_only=True,
        threshold=recorded.threshold,
        stop_at_first_misfit=recorded.stop_at_first_misfit,
    )
