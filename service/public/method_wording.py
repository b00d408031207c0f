"""The counting methods in plain words. Every text is a msgid; the exact rules are in voting/specs."""

from dataclasses import dataclass

from service.public.wording import N_


@dataclass(frozen=True)
class MethodWords:
    """A counting method in plain words: its name, one line, how it goes, and what is good and bad about it."""

    name: str
    one_line: str
    steps: tuple[str, ...] = ()
    strong: str = ""
    weak: str = ""


_RANK = N_("You rank the options you like, from first to last. You can stop at any rank.")
_DRAW = N_("If options tie, a public draw decides. The draw is made after voting ends.")
_PAIRS = N_(
    "We compare each pair of options: how many ballots put the one above the other? A ranked option is above one that"
    " is not ranked."
)
_BEATS_ALL = N_("An option that beats each of the others, one against one, wins.")
_BY_VOTES = N_("How strong a win is: the ballots that put its winner above its loser.")
_BY_MARGINS = N_("How strong a win is: by how many ballots it was won.")
_CHAINS = (
    N_("If no option does, we look at chains. If A beats B and B beats C, a chain leads from A to C."),
    N_("A chain is as strong as its weakest win. The option with the stronger chains comes first."),
)
_FIXED = (
    N_("If no option does, we fix the strongest win first, then the next. A win that goes against those is set aside."),
    N_("The option with no fixed win against it comes first."),
)
_WORST = N_(
    "If no option does, we look at the worst loss of each. The option whose worst loss is smallest comes first."
)
_STRONG_PAIRS = N_("An option that would beat each other one alone always wins.")
_WEAK_PAIRS = N_("If no option beats all the others, the count is hard to follow by hand.")
_WEAK_WORST = N_("In rare cases the winner is an option that a whole group of others beats.")
_POINTS = N_("With five options, your first choice gets four points, the second three, and so on.")
_MOST_POINTS = N_("The option with the most points wins.")
_STRONG_POINTS = N_("It finds an option that many people rank high, even if few rank it first.")
_PLACES = N_("This goes on until all places are filled.")
_EXTRA = N_(
    "If a winner has more than it needs, the extra moves on. Each of its ballots goes to its next choice at a smaller"
    " value."
)
_REACH = N_("Any option at or above the quota wins a place.")
_STRONG_SHARES = N_("A group with a third of the votes can win about a third of the places. Few ballots are wasted.")
_WEAK_FRACTIONS = N_("The sums use fractions, so they are harder to follow. The result page shows every one.")
_OUT = N_(
    "If no one reaches the quota, the option with the fewest votes drops out. Its ballots move on at the value they"
    " have."
)
_MARK = N_("You mark the projects you would pay for.")
_MARK_ALL = N_("You mark every project you want. You may mark as many as you like.")
_SPLIT = N_("We split the budget into equal shares, one for each ballot.")
_CAN_PAY = N_(
    "A project can be funded if the people who marked it can pay for it with what is left of their shares."
    " They split the cost as evenly as they can."
)
_RAISE = N_(
    "If money is left, we raise each share by one dollar and count again from the start. We stop before the"
    " total would pass the budget."
)
_BESIDE = N_(
    "When two projects exclude each other, only the first one to be paid for is funded. If two tie, the"
    " cheaper one goes first. If they still tie, a public draw decides."
)
_STRONG_EQUAL = N_(
    "A group that is one fifth of the voters decides about one fifth of the money. A small area is not drowned"
    " out by a big one."
)
_WEAK_EQUAL = N_(
    "A project with many votes can lose if its fans have already spent their shares. Some money may be left over."
)
_SKIP = N_("A project that does not fit is skipped, and we go on. The result says by how much it was too costly.")
_TURNS = N_("We start at the top and pay for each project that still fits in the money left.")
_CHEAPER = N_("If two projects tie, the cheaper one goes first. If they still tie, a public draw decides.")
_WEAK_GREEDY = N_("A large group can decide about all of the money. Smaller groups may get nothing.")

METHODS = {
    "irv": MethodWords(
        N_("Instant runoff"),
        N_("One option wins. If no one has more than half, the last one drops out and its ballots move on."),
        (
            _RANK,
            N_("Each ballot counts for its first choice."),
            N_("The option with the fewest votes drops out. Its ballots move to the next choice that is still in."),
            N_("This goes on until two are left. The one with more votes wins."),
            N_("If all your ranked options are out, your ballot is spent. It is still shown in the count."),
            N_(
                "If two options tie for last place, a public draw decides which one drops out. The draw is made after"
                " voting ends."
            ),
        ),
        N_(
            "A second choice never hurts your first choice. One option with broad support can beat a leader whom most"
            " people do not want."
        ),
        N_(
            "It looks at lower choices only when a ballot needs them. A fair second choice of many people can drop out"
            " early."
        ),
    ),
    "stv-scottish": MethodWords(
        N_("Single transferable vote (Scottish rules)"),
        N_("Several options win. Each winner needs the same number of votes, and votes beyond that move on."),
        (
            _RANK,
            N_(
                "We work out how many votes are needed to win. That number is the quota. Divide the ballots by one more"
                " than the places to fill, drop the fraction, and add one."
            ),
            _REACH,
            _EXTRA,
            _OUT,
            N_(
                "This goes on until all places are filled. If two options tie, earlier rounds decide. If they do not"
                " help, a public draw does."
            ),
        ),
        _STRONG_SHARES,
        _WEAK_FRACTIONS,
    ),
    "stv-wigm": MethodWords(
        N_("Single transferable vote (weighted rules)"),
        N_("Several options win. Each winner needs the same number of votes, and votes beyond that move on."),
        (
            _RANK,
            N_(
                "We work out how many votes are needed to win. That number is the quota. Divide the ballots by one more"
                " than the places to fill, and go up a tiny bit."
            ),
            _REACH,
            _EXTRA,
            _OUT,
            _PLACES,
            _DRAW,
        ),
        _STRONG_SHARES,
        _WEAK_FRACTIONS,
    ),
    "stv-meek": MethodWords(
        N_("Single transferable vote (Meek rules)"),
        N_("Several options win. What a winner does not need moves on, and is worked out anew in every round."),
        (
            _RANK,
            N_(
                "We work out how many votes are needed to win: the quota. It gets smaller as ballots run out of"
                " choices."
            ),
            N_(
                "Each winner keeps the same part of every ballot, just so much that it has the quota. The rest moves to"
                " the next choice."
            ),
            N_(
                "If no one else reaches the quota, the option with the fewest votes drops out. All is counted anew as"
                " if it had never stood."
            ),
            _PLACES,
            _DRAW,
        ),
        N_("Every ballot is treated alike, whenever its options win or drop out."),
        N_("It takes a computer. The sums are too long to do by hand."),
    ),
    "block-preferential": MethodWords(
        N_("Block vote with ranks"),
        N_("Several options win. Each ballot counts for as many of its options still in as there are places."),
        (
            _RANK,
            N_("Each ballot counts for its highest options, as many as there are places to fill."),
            N_("The option with the fewest votes drops out. Ballots that counted for it count for their next choice."),
            N_(
                "When one more option is left than there are places, the one with the fewest votes loses. The others"
                " win."
            ),
            _DRAW,
        ),
        N_("It is easy to follow, and the winners suit each other's voters."),
        N_("A group with just over half of the votes can win all the places."),
    ),
    "borda": MethodWords(
        N_("Points for ranks"),
        N_("Each rank gives points, a higher rank gives more. The most points win."),
        (_RANK, _POINTS, N_("Options that you do not rank share the points that are left."), _MOST_POINTS, _DRAW),
        _STRONG_POINTS,
        N_(
            "People can hurt a rival by ranking it last on purpose. Adding an option that is alike can change who wins."
        ),
    ),
    "borda-zero": MethodWords(
        N_("Points for ranks, none for the unranked"),
        N_("Each rank gives points, a higher rank gives more. Options you leave out get none. The most points win."),
        (_RANK, _POINTS, N_("Options that you do not rank get no points."), _MOST_POINTS, _DRAW),
        _STRONG_POINTS,
        N_("A ballot that ranks few options gives fewer points. Adding an option that is alike can change who wins."),
    ),
    "schulze": MethodWords(
        N_("Schulze method"),
        N_("Each pair of options is compared. The option with the strongest chain of wins is first."),
        (_RANK, _PAIRS, _BEATS_ALL, *_CHAINS, _BY_VOTES, _DRAW),
        _STRONG_PAIRS,
        _WEAK_PAIRS,
    ),
    "schulze-margins": MethodWords(
        N_("Schulze method, by margins"),
        N_("Each pair is compared. The strongest chain of wins decides, and a win counts by its lead."),
        (_RANK, _PAIRS, _BEATS_ALL, *_CHAINS, _BY_MARGINS, _DRAW),
        _STRONG_PAIRS,
        _WEAK_PAIRS,
    ),
    "ranked-pairs": MethodWords(
        N_("Ranked pairs"),
        N_("Each pair of options is compared. The clearest wins are fixed first, and decide the order."),
        (_RANK, _PAIRS, _BEATS_ALL, *_FIXED, _BY_VOTES, _DRAW),
        _STRONG_PAIRS,
        _WEAK_PAIRS,
    ),
    "ranked-pairs-margins": MethodWords(
        N_("Ranked pairs, by margins"),
        N_("Each pair is compared. The clearest wins are fixed first, and a win counts by its lead."),
        (_RANK, _PAIRS, _BEATS_ALL, *_FIXED, _BY_MARGINS, _DRAW),
        _STRONG_PAIRS,
        _WEAK_PAIRS,
    ),
    "minimax": MethodWords(
        N_("Smallest defeat"),
        N_("Each pair of options is compared. The option whose worst defeat is smallest wins."),
        (_RANK, _PAIRS, _BEATS_ALL, _WORST, _BY_VOTES, _DRAW),
        _STRONG_PAIRS,
        _WEAK_WORST,
    ),
    "minimax-margins": MethodWords(
        N_("Smallest defeat, by margins"),
        N_("Each pair is compared. The option whose worst defeat is smallest wins, and a defeat counts by its lead."),
        (_RANK, _PAIRS, _BEATS_ALL, _WORST, _BY_MARGINS, _DRAW),
        _STRONG_PAIRS,
        _WEAK_WORST,
    ),
    "copeland": MethodWords(
        N_("Most wins in pairs"),
        N_("Each pair of options is compared. The option that wins most of them is first."),
        (_RANK, _PAIRS, N_("A win is one point, and a tie is half a point."), _MOST_POINTS, _DRAW),
        _STRONG_PAIRS,
        N_("Ties are common, and a narrow win counts as much as a clear one."),
    ),
    "approval": MethodWords(
        N_("Approval"),
        N_("You mark every option you approve of. The option with the most marks wins."),
        (
            N_("You mark every option you approve of. You may mark as many as you like."),
            N_("Each mark is one vote, and all marks count the same."),
            N_("The option with the most marks wins. If there are several places, the next ones win, too."),
            _DRAW,
        ),
        N_("It is simple, and anyone can check it with a pencil."),
        N_("You cannot say which of your marked options you like best."),
    ),
    "plurality": MethodWords(
        N_("First choices only"),
        N_("The option with the most first choices wins."),
        (
            N_("Each ballot counts for its first choice. Nothing else on it counts."),
            N_("The option with the most first choices wins. If there are several places, the next ones win, too."),
            _DRAW,
        ),
        N_("It is simple, and anyone can check it with a pencil."),
        N_("Options that are alike take votes from each other. So one that most people do not want can win."),
    ),
    "greedy": MethodWords(
        N_("Most votes first"),
        N_("The project with the most votes is paid for first, then the next. One that does not fit is skipped."),
        (_MARK, N_("We put the projects in order of their votes."), _TURNS, _SKIP, _CHEAPER),
        N_("It is easy to follow, and anyone can check it with a pencil."),
        _WEAK_GREEDY,
    ),
    "greedy-cost": MethodWords(
        N_("Most votes for the money"),
        N_("The project with the most votes for each dollar is paid for first. One that does not fit is skipped."),
        (
            _MARK,
            N_("We divide the votes of each project by its cost, and put the projects in that order."),
            _TURNS,
            _SKIP,
            _CHEAPER,
        ),
        N_("Cheap projects have a fair chance beside costly ones."),
        _WEAK_GREEDY,
    ),
    "equal-shares": MethodWords(
        N_("Equal Shares"),
        N_("Each voter gets the same share of the money. Projects are paid by the people who want them."),
        (
            _MARK_ALL,
            _SPLIT,
            _CAN_PAY,
            N_(
                "We fund the project with the most votes first, then the next. If a voter runs short, the others pay"
                " more and the project counts as a bit weaker."
            ),
            _RAISE,
            _BESIDE,
        ),
        _STRONG_EQUAL,
        _WEAK_EQUAL,
    ),
    "equal-shares-cardinal": MethodWords(
        N_("Equal Shares, each project alike"),
        N_(
            "Each voter gets the same share of the money. A cheap project counts as much for its voters as a costly"
            " one."
        ),
        (
            _MARK_ALL,
            _SPLIT,
            _CAN_PAY,
            N_("We fund the project that takes the least from each of its voters first, then the next."),
            _RAISE,
            _BESIDE,
        ),
        _STRONG_EQUAL,
        _WEAK_EQUAL,
    ),
    "phragmen": MethodWords(
        N_("Phragmén's method"),
        N_("Voters earn money at the same pace. A project is bought as soon as the people who want it can pay."),
        (
            _MARK_ALL,
            N_("Every ballot starts with no money and earns at the same pace."),
            N_(
                "As soon as the people who marked a project hold its cost together, it is bought. They pay all that"
                " they have."
            ),
            N_("The count ends when the next project would cost more than the money left."),
            N_("If two projects exclude each other, only the first one to be bought is funded. A draw decides ties."),
        ),
        N_("The cost is spread as evenly over the voters as it can be."),
        N_("One costly project that is next can end the count, and money is left over."),
    ),
}
"""By the method's id, without its version."""

OTHER_METHOD = MethodWords(
    N_("A published method"), N_("The exact rules are public. They were fixed before voting opened.")
)

GROUPS = (
    (
        N_("One winner"),
        (
            "irv", "schulze", "schulze-margins", "ranked-pairs", "ranked-pairs-margins", "minimax", "minimax-margins",
            "copeland",
        ),
    ),
    (
        N_("One winner or several"),
        ("stv-scottish", "stv-wigm", "stv-meek", "block-preferential", "borda", "borda-zero", "approval", "plurality"),
    ),
    (N_("Money for projects"), ("greedy", "greedy-cost", "equal-shares", "equal-shares-cardinal", "phragmen")),
)  # fmt: skip
"""The same, for a list: what they decide, and the ids."""
