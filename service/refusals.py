"""What the service says when it refuses: one class a reason, raised where the fact is known.

problems.py turns them into HTTP answers, cli.py into one line on stderr.
"""


class Refused(Exception):
    """The base of every refusal. The text says what is wrong and what to do about it."""


class NotFound(Refused):
    """There is no such thing."""


class InvalidRequest(Refused):
    """The request breaks the rules of its form."""


class NotAllowed(Refused):
    """This person may not do this."""


class WrongPhase(Refused):
    """The contest is not in the phase that this needs."""


class ContestNotOpen(Refused):
    """Neither tokens nor ballots are taken at this moment."""


class CodeUnknown(Refused):
    """No such code on this contest's roll, or a reserve code that nobody handed out."""


class CodeVoided(Refused):
    """The code was replaced or voided."""


class CodeUsed(Refused):
    """A token was issued for this code already, to another request."""


class BallotSuperseded(Refused):
    """This key has cast this revision or a later one. `last_rev` is the highest."""

    def __init__(self, last_rev: int) -> None:
        super().__init__(f"revision {last_rev} of this ballot is in the box; cast the next one")
        self.last_rev = last_rev


class InvalidCast(Refused):
    """The ballot's proof does not hold: token, signature, class or seal."""


class TooBusy(Refused):
    """More work is waiting than can be done soon. Nothing was stored; try again."""


class NotReady(Refused):
    """A part of the work that must come first is not done."""


class UnsafeInstallation(Refused):
    """The database or the key folders are not set up as the protocol needs."""
