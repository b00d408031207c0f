"""A link to the database that can be cut: a TCP proxy that knows where a message of PostgreSQL's protocol ends.

It passes whole messages on, in both directions, and cuts between two of them: where the caller says, or behind what
commits, so that the commit is done and its answer is lost. That is a COMMIT, or the end (Sync) of a statement that runs
outside a transaction: the server commits before it sends anything of its answer, as long as that fits its buffer of
8 kB. What was passed on before a cut arrives.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import parse_qs, quote, urlsplit

_COMMIT = b"COMMIT;\0"
_FOREVER = 2**62
Commit = Literal["COMMIT", "statement"]
"""What commits: a COMMIT, or a statement of its own."""
_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
_LAST_WORD = b"E" + (4 + len(_FIELDS)).to_bytes(4, "big") + _FIELDS
"""What a server says when an administrator ends a connection."""


class _Talk:
    """What is going on between a client and the server, as far as commits go.

    Attributes:
        committing: Between a commit and the end of its answer, what commits: a COMMIT, or a statement of its own.
    """

    def __init__(self) -> None:
        self.committing: Commit | None = None
        self._executing = False
        self._in_transaction = False

    def hear(self, kind: bytes, body: bytes, *, from_client: bool) -> Commit | None:
        """Take note of a message; return what has committed, where it ends the answer to that."""
        if not from_client:
            if kind != b"Z":
                return None
            self._in_transaction = body != b"I"
            done, self.committing = self.committing, None
            return done
        if kind == b"Q":
            self.committing = "COMMIT" if body == _COMMIT else None
        elif kind == b"E":
            self._executing = True
        elif kind == b"S":
            self.committing = "statement" if self._executing and not self._in_transaction else None
            self._executing = False
        return None


class Link:
    """The way to one database server.

    Attributes:
        url: The database's address through this link.
        passed: Messages that were passed on so far, both ways.
        cuts: Cuts so far.
        after_commit: How many of those came behind a commit whose answer was under way.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = parse_qs(parts.query)
        self._socket = f"{options['host'][0]}/.s.PGSQL.{options.get('port', ['5432'])[0]}" if "host" in options else ""
        self._address = (parts.hostname or "localhost", parts.port or 5432)
        self._name = f"{quote(parts.username or '')}{':' + parts.password if parts.password else ''}"
        self._path = parts.path
        self.url = ""
        self.passed = 0
        self.cuts = 0
        self.after_commit = 0
        self._left = _FOREVER
        self._commits = 0
        self._of: Commit = "COMMIT"
        self._open: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = {}

    def cut_after(self, messages: int) -> None:
        """Pass so many messages on, then cut the connection that the next one is for. Once."""
        self._left = messages

    def cut_commit(self, number: int, of: Commit = "COMMIT") -> None:
        """Let commit number `number` of a kind from now through, and cut before its answer. Once."""
        self._of = of
        self._commits = number

    def heal(self) -> bool:
        """Cut no more; tell whether a cut was still to come."""
        waiting, self._left, self._commits = self._left != _FOREVER or self._commits > 0, _FOREVER, 0
        return waiting

    async def cut_all(self) -> None:
        """Cut every connection at once."""
        for ends in list(self._open.values()):
            self._cut(ends)
        await asyncio.gather(*self._open, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Link"]:
        """Listen while the caller works."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = f"postgresql://{self._name}@127.0.0.1:{port}{self._path}?sslmode=disable"
        try:
            yield self
        finally:
            server.close()
            await self.cut_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await (
            asyncio.open_unix_connection(self._socket) if self._socket else asyncio.open_connection(*self._address)
        )
        ends = (writer, there_writer)
        talk = _Talk()
        mine = asyncio.current_task()
        assert mine is not None, "asyncio serves each connection in a task"
        self._open[mine] = ends
        ways = [
            asyncio.create_task(self._pass_on(reader, there_writer, ends, talk, from_client=True)),
            asyncio.create_task(self._pass_on(there_reader, writer, ends, talk, from_client=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                end.close()
            for end in ends:
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await end.wait_closed()
            del self._open[mine]

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        talk: "_Talk",
        *,
        from_client: bool,
    ) -> None:
        head_size = 4 if from_client else 5  # a client's first message has no type
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readexactly(head_size)
                body = await reader.readexactly(int.from_bytes(head[-4:], "big") - 4)
                if self._commits == 1 and talk.committing == self._of:
                    self._commits, self._left = 0, 0
                if self._left == 0:
                    self._left = _FOREVER
                    self.after_commit += bool(talk.committing)
                    self._cut(ends)
                    return
                self._left -= self._left != _FOREVER
                if talk.hear(head[:1], body, from_client=from_client) == self._of:
                    self._commits -= self._commits > 0
                self.passed += 1
                head_size = 5
                writer.write(head + body)
                await writer.drain()

    def _cut(self, ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        """Cut in one of three ways in turn: a reset, an end, and an end with the server's last word before it."""
        self.cuts += 1
        here, there = ends
        if self.cuts % 3 == 0:
            here.transport.abort()
        elif self.cuts % 3 == 1:
            here.close()
        else:
            here.write(_LAST_WORD)
            here.close()
        there.close()
