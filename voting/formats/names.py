"""What every ballot file asks of the names in it."""

from collections.abc import Iterable

from voting.errors import InvalidFile


def fault_of(name: str) -> str:
    """Return what is wrong with a name, or nothing.

    Example:
        >>> fault_of(" Ann")
        'begins or ends with a blank'
    """
    if not name:
        return "is empty"
    if name.strip() != name:
        return "begins or ends with a blank"
    if not name.isprintable():
        return "holds control characters"
    return ""


def check_names(names: Iterable[str], *, target: str, forbidden: str = "") -> None:
    """Refuse names that a file can't hold, before anything is written.

    Args:
        names: The names of all options.
        target: What is written, such as "BLT".
        forbidden: Characters that mean something else in it.

    Raises:
        InvalidFile: With the name and what is wrong with it.
    """
    for name in names:
        fault = fault_of(name) or next((f"holds {mark!r}" for mark in forbidden if mark in name), "")
        if fault:
            raise InvalidFile(f"the name {name[:80]!r} {fault}, which {target} can't hold; rename it")


def shown(text: object) -> str:
    """Return a text in which whatever can't be printed is escaped, so that a refusal can quote it."""
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in str(text))
