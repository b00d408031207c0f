"""The story of a roll: codes are made and go out, their public keys stay."""

import secrets
from dataclasses import dataclass

import asyncpg

from service.database.queries import load
from service.refusals import WrongPhase
from voting.proof import codes, signing

_SQL = load("registrar")
CODE_SIZE = 10
"""Random bytes in a code: 80 bits."""


@dataclass(frozen=True)
class Code:
    """One code as it is mailed or handed out. It is shown once and kept nowhere."""

    text: str
    cls: str
    pool: int
    area: str


async def make_codes(
    conn: asyncpg.Connection, contest_id: str, *, size: int, reserve: int, cls: str, area: str
) -> list[Code]:
    """Add fresh codes to the roll of a contest and return them.

    Args:
        conn: A connection with no transaction open.
        contest_id: The contest.
        size: Codes to mail.
        reserve: Codes for those who come forward later.
        cls: Class of voters.
        area: Where they live, or ''; the registrar alone knows it.

    Raises:
        WrongPhase: Tokens are issued already: the roll is signed and can't change.
    """
    async with conn.transaction():
        await conn.execute(_SQL["add_contest"], contest_id, secrets.token_bytes(16))
        roll_id = await conn.fetchval(_SQL["hold_preparing"], contest_id)
        if roll_id is None:
            raise WrongPhase(f"contest {contest_id!r} is open: its roll is signed and can't change")
        made: list[Code] = []
        for pool, count in ((0, size), (1, reserve)):
            fresh = [secrets.token_bytes(CODE_SIZE) for _ in range(count)]
            keys = [signing.public_key(codes.roll_secret(code, roll_id)) for code in fresh]
            await conn.execute(_SQL["add_codes"], contest_id, keys, cls, pool, area)
            made += [Code(text=codes.format_groups(code), cls=cls, pool=pool, area=area) for code in fresh]
    return made
