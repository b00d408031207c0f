"""The registrar's doors. No access log, no cookies; a body is canonical JSON or nothing."""

from typing import Any

from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.params import FromPath

from service.doors import canonical_answer

BODY_BYTES_MAX = 8 * 1024


@post("/api/v1/contests/{contest_id:str}/issue", status_code=200, request_max_body_size=BODY_BYTES_MAX,
      opt={"access": "voter"})  # fmt: skip
async def issue(request: Request[Any, Any, State], contest_id: FromPath[str]) -> Response[bytes]:
    """Sign a voter's key blindly, once for each code."""
    return canonical_answer(await request.app.state.registrar.issue(contest_id, await request.body()))


@post("/api/v1/contests/{contest_id:str}/issued", status_code=200, request_max_body_size=BODY_BYTES_MAX,
      opt={"access": "voter"})  # fmt: skip
async def issued(request: Request[Any, Any, State], contest_id: FromPath[str]) -> Response[bytes]:
    """Tell the holder of a code whether it was used."""
    return canonical_answer(await request.app.state.registrar.look_up(contest_id, await request.body()))
