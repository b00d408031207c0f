"""The ballots that a published bundle counted, to be counted again by other rules or programs.

Nothing is verified here: that is the command `verify`. Options have their ids.
"""

from collections import Counter
from dataclasses import dataclass

import msgspec

from schemas.ballot import BallotLine, Choices
from schemas.contest import Manifest, PointsRules, RankingRules, ScoreRules
from voting.bundle import BALLOTS, MANIFEST, read_tar
from voting.errors import InvalidBallot, InvalidBundle, InvalidFile, VotingError
from voting.formats.names import shown
from voting.profile import Profile, Terms, merge_counted, read_choices
from voting.proof import canonical, note


@dataclass(frozen=True, eq=False)
class BundleFile:
    """What a bundle says was counted.

    Attributes:
        manifest: The contest.
        terms: Its options, seats or money.
        profile: The ballots that count, those that chose nothing too.
    """

    manifest: Manifest
    terms: Terms
    profile: Profile


def read_bundle_ballots(data: bytes) -> BundleFile:
    """Return the contest and the ballots of a bundle's tar.

    Raises:
        InvalidFile: No bundle, or one that can't be read; the text says where.
    """
    try:
        files = read_tar(data)
        text, _ = note.split(files[MANIFEST])
        manifest = canonical.decode(text.encode().split(b"\n")[1], Manifest)
        lines = files[BALLOTS].split(b"\n")
    except KeyError as error:
        raise InvalidFile(f"the bundle has no file {error.args[0]}; download it again") from None
    except (InvalidBundle, VotingError, IndexError) as error:
        raise InvalidFile(f"this is no bundle: {shown(error)}; download it again") from None
    budget = None if isinstance(manifest.budget, msgspec.UnsetType) else manifest.budget
    counted: Counter[Choices] = Counter()
    for number, line in enumerate(lines[:-1], 1):
        where = f"{BALLOTS} line {number}"
        try:
            ballot = canonical.decode(line, BallotLine)
            if ballot.why:
                continue
            if ballot.open is None:
                raise InvalidFile(f"{where}: a ballot that counts is not opened; download the bundle again")
            choices = read_choices(ballot.open.choices, rules=manifest.ballot, options=manifest.options, budget=budget)
        except InvalidFile:
            raise
        except (InvalidBallot, VotingError) as error:
            raise InvalidFile(f"{where}: {shown(error)}; download the bundle again") from None
        counted[choices] += 1
    options = tuple(option.id for option in manifest.options)
    costs = tuple(option.cost for option in manifest.options if not isinstance(option.cost, msgspec.UnsetType))
    terms = Terms(
        options,
        seats=1 if isinstance(manifest.seats, msgspec.UnsetType) else manifest.seats,
        budget=budget,
        costs=costs if manifest.kind == "budget" else (),
        groups=manifest.exclusion_groups,
        minor_digits=manifest.minor_digits if isinstance(manifest.minor_digits, int) else 0,
    )
    return BundleFile(manifest=manifest, terms=terms, profile=merge_counted(counted, options))


def vote_type(manifest: Manifest) -> str:
    """Return how people voted, as Pabulib calls it."""
    match manifest.ballot:
        case PointsRules():
            return "cumulative"
        case ScoreRules():
            return "scoring"
        case RankingRules():
            return "ordinal"
        case _:
            return "approval"
