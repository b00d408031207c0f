"""The box's one door. No access log, no cookies, nothing about who asks."""

from typing import Any

from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.params import FromPath

from service.doors import canonical_answer

BODY_BYTES_MAX = 256 * 1024
"""Far above any contest's `body_size`, which decides: casting refuses every other length."""


@post("/api/v1/contests/{contest_id:str}/ballots", status_code=201, request_max_body_size=BODY_BYTES_MAX,
      opt={"access": "voter"})  # fmt: skip
async def cast_ballot(request: Request[Any, Any, State], contest_id: FromPath[str]) -> Response[bytes]:
    """Cast one ballot; the answer is the box's promise."""
    return canonical_answer(await request.app.state.box.cast(contest_id, await request.body()), status_code=201)
