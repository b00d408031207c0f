"""What the library says when it refuses its input."""


class VotingError(Exception):
    """The base of every refusal of this package. The text says what is wrong and how to mend it."""


class InvalidFile(VotingError):
    """A ballot file that can't be read. The text says line, reason and fix."""


class InvalidMethod(VotingError):
    """No such counting method, or it can't count this kind of ballot."""


class InvalidContest(VotingError):
    """Terms that contradict each other, such as more seats than options."""


class InvalidBallot(VotingError):
    """Choices that the ballot rules don't allow.

    Attributes:
        code: `form`, `unknown`, `repeated`, `too_many`, `points` or `over_budget` (protocol section 10).
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class InvalidEncoding(VotingError):
    """Bytes that aren't the one canonical form of what they say."""


class InvalidProof(VotingError):
    """A signature, token, note, tree or opening that doesn't hold."""


class InvalidBundle(VotingError):
    """A bundle, or a file of it, that isn't what the protocol says."""
