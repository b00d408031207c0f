"""Staff: who may do what at the desk."""

from typing import Literal, get_args

import asyncpg

from service.database.queries import load
from service.refusals import InvalidRequest, NotAllowed, NotFound

_SQL = load("desk")
Role = Literal["officer", "approver", "clerk", "paper_clerk", "auditor", "moderator", "administrator"]


async def add(conn: asyncpg.Connection, email: str, *, role: str, department: str) -> None:
    """Add somebody, or change their role.

    Raises:
        InvalidRequest: Not an e-mail address, or no such role.
    """
    if role not in get_args(Role):
        raise InvalidRequest(f"role {role!r}; there are: {', '.join(get_args(Role))}")
    if "@" not in email.strip("@"):
        raise InvalidRequest(f"{email!r} is no e-mail address")
    await conn.execute(_SQL["add_staff"], email.lower(), role, department)


async def disable(conn: asyncpg.Connection, email: str) -> None:
    """Take somebody's rights away.

    Raises:
        NotFound: There is nobody of that address.
    """
    if await conn.fetchval(_SQL["disable_staff"], email.lower()) is None:
        raise NotFound(f"there is nobody with the address {email}")


async def list_all(conn: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return everybody: email, role, department, disabled."""
    return list(await conn.fetch(_SQL["list_staff"]))


async def require(conn: asyncpg.Connection, email: str, *roles: Role) -> None:
    """Check that somebody has one of the roles.

    Raises:
        NotAllowed: They have not, or there is nobody of that address.
    """
    row = await conn.fetchrow(_SQL["find_staff"], email.lower())
    if row is None:
        raise NotAllowed(f"{email} is not staff here: an administrator can add them with `weighin staff add`")
    if row["role"] not in roles:
        raise NotAllowed(f"{email} is {row['role']}; this takes {' or '.join(roles)}")
