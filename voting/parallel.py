"""Signatures checked on all cores: OpenSSL works without the interpreter's lock, so threads help. What is Python around
them still runs on one core at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Verdict = TypeVar("Verdict")

_SLICE = 64
_AHEAD = 6


def each(check: Callable[[Item], Verdict], items: Iterable[Item]) -> Iterator[tuple[Item, Verdict]]:
    """Give every item with what `check` says of it, in order.

    Items are taken in slices, a few ahead of the caller, so that a long stream needs little memory.

    Args:
        check: A pure function; what it raises is raised here.
        items: Any number of items; taken from one thread only.
    """
    stream = iter(items)
    waiting: deque[Future[list[tuple[Item, Verdict]]]] = deque()
    with ThreadPoolExecutor(thread_name_prefix="check") as threads:
        while True:
            while len(waiting) < _AHEAD and (some := list(islice(stream, _SLICE))):
                waiting.append(threads.submit(_judge, check, some))
            if not waiting:
                return
            yield from waiting.popleft().result()


def _judge(check: Callable[[Item], Verdict], items: list[Item]) -> list[tuple[Item, Verdict]]:
    return [(item, check(item)) for item in items]
