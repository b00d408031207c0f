"""Group commit: what waits at the same moment shares one transaction, and each is answered after its commit.

A commit costs a write to disk, whoever it is for. Sharing it is what makes casting and issuing fast; answering only
afterwards is what makes them durable.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import asyncpg

from service.refusals import Refused, TooBusy

Item = TypeVar("Item")
Answer = TypeVar("Answer")

WRITERS = 2
"""Transactions in flight for one queue."""
DRAIN_SECONDS = 10
"""How long a service that stops waits for what was taken in."""


class GroupCommit(Generic[Item, Answer]):
    """A bounded queue and a few writers that empty it, a transaction each at a time.

    Several, since most of a commit is waiting for the disk, and the database lets commits that wait share that too.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Refused]]],
        *,
        batch_max: int,
        waiting_max: int,
    ) -> None:
        """Make a queue; its writers start with the first item.

        Args:
            store: Stores a batch in one transaction and returns, after its commit, an answer or a refusal for each.
            batch_max: Items in one transaction.
            waiting_max: Items that may wait; more are told to come back.
        """
        self._store = store
        self._batch_max = batch_max
        self._waiting: asyncio.Queue[tuple[Item, asyncio.Future[Answer]]] = asyncio.Queue(waiting_max)
        self._writers: list[asyncio.Task[None]] = []

    async def put(self, item: Item) -> Answer:
        """Have an item stored and return its answer.

        Raises:
            TooBusy: Nothing is known to be stored; the same request again is safe.
            Refused: What `store` says of this item.
        """
        if len(self._writers) < WRITERS or any(writer.done() for writer in self._writers):
            self._writers = [writer for writer in self._writers if not writer.done()]
            self._writers += [asyncio.create_task(self._write()) for _ in range(WRITERS - len(self._writers))]
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((item, answer))
        except asyncio.QueueFull:
            raise TooBusy("many people are here right now; send the same again in a moment") from None
        return await answer

    async def close(self) -> None:
        """Finish what is waiting, then stop."""
        if self._writers:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._waiting.join(), DRAIN_SECONDS)
            for writer in self._writers:
                writer.cancel()
            await asyncio.gather(*self._writers, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < self._batch_max and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                answers = await self._store([item for item, _ in batch])
            except asyncio.CancelledError:
                _fail(batch, TooBusy("the service is stopping; send the same again"))
                raise
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, TooBusy):
                _fail(batch, TooBusy("it could not be stored just now; send the same again"))
            except Exception as error:  # ours: everyone in the batch must hear it, and the writer goes on
                _fail(batch, error)
            else:
                for (_, future), answer in zip(batch, answers, strict=True):
                    if future.done():
                        continue
                    if isinstance(answer, Refused):
                        future.set_exception(answer)
                    else:
                        future.set_result(answer)
            finally:
                for _ in batch:
                    self._waiting.task_done()


def _fail(batch: Sequence[tuple[Item, "asyncio.Future[Answer]"]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
