"""What /metrics says, as Prometheus reads it. Nothing per person, per ballot or per request; what counts votes or codes
is published anyway, and moves when an epoch is sealed and at no other moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

MEDIA_TYPE = "text/plain; version=0.0.4"


@dataclass(frozen=True)
class Progress:
    """How far a contest is, as everyone can see.

    Attributes:
        epochs: Epochs of its log.
        entries: Entries in them.
        codes_used: Rounded down to a multiple of 10.
    """

    contest_id: str
    epochs: int
    entries: int
    codes_used: int


def expose(*, started_at: int, pools: Mapping[str, asyncpg.Pool], contests: Iterable[Progress]) -> str:
    """Return the metrics of this process.

    Args:
        started_at: When the process started, POSIX seconds.
        pools: Its connections, by room.
        contests: What is published of the contests; empty where this process runs no public room.
    """
    known = tuple(contests)
    lines = [
        *_metric("weighin_up", "gauge", "The process answers.", [("", 1)]),
        *_metric("process_start_time_seconds", "gauge", "When it started, POSIX seconds.", [("", started_at)]),
        *_metric(
            "weighin_pool_connections",
            "gauge",
            "Database connections of this process by room: open, idle, and how many there may be.",
            [
                (f'{{room="{room}",state="{state}"}}', number)
                for room, pool in pools.items()
                for state, number in (
                    ("open", pool.get_size()), ("idle", pool.get_idle_size()), ("max", pool.get_max_size()),
                )
            ],
        ),
        *_metric(
            "weighin_log_epochs_total", "counter", "Epochs of a contest's log.",
            [(_contest(one), one.epochs) for one in known],
        ),
        *_metric(
            "weighin_log_entries_total", "counter", "Entries of a contest's log, in sealed epochs.",
            [(_contest(one), one.entries) for one in known],
        ),
        *_metric(
            "weighin_codes_used_total", "counter", "Codes used in a contest, in sealed epochs, in tens.",
            [(_contest(one), one.codes_used) for one in known],
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, words: str, samples: Sequence[tuple[str, int]]) -> list[str]:
    head = [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
    return head + [f"{name}{labels} {value}" for labels, value in samples] if samples else []


def _contest(progress: Progress) -> str:
    return f'{{contest="{progress.contest_id}"}}'
