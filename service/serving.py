"""The service as processes: in the foreground for `serve`, as a child for `demo` and `replay`."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import httpx

from service.refusals import InvalidRequest, NotReady
from service.settings import ROOMS_VARIABLE, Room

START_SECONDS = 60.0


def serve(*, host: str, port: int, rooms: Sequence[Room], workers: int, database_url: str) -> None:
    """Run the service until it is told to stop.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        rooms: What it runs.
        workers: Worker processes.
        database_url: The migrated database; workers get it by their environment.
    """
    from granian import Granian  # slow to load, and every command passes here
    from granian.constants import Interfaces

    os.environ["WEIGHIN_DATABASE_URL"] = database_url
    os.environ[ROOMS_VARIABLE] = " ".join(rooms)
    Granian(
        "service.app:from_environment",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        factory=True,
        log_access=False,
        log_level="warning",  # type: ignore[arg-type]  # the enum's value
        websockets=False,
        backlog=1024,
        workers_kill_timeout=15,
    ).serve()


@contextlib.contextmanager
def running(
    environment: Mapping[str, str], *, port: int, workers: int = 1, stderr: IO[bytes] | None = None
) -> Iterator[str]:
    """Run `weighin serve` as a child process while the caller works; yield its address.

    Args:
        environment: The WEIGHIN_ variables of the child, beside this process's own environment.
        port: Where it listens, on 127.0.0.1.
        workers: Worker processes.
        stderr: Where its standard error goes; by default where ours goes.

    Raises:
        NotReady: It did not come up.
    """
    base_url = f"http://127.0.0.1:{port}"
    child = start(environment, port=port, workers=workers, stderr=stderr)
    try:
        wait_until_ready(base_url, child)
        yield base_url
    finally:
        stop(child)


def start(
    environment: Mapping[str, str], *, port: int, workers: int = 1, stderr: IO[bytes] | None = None
) -> "subprocess.Popen[bytes]":
    """Start `weighin serve` as a child that ends with this process."""
    return subprocess.Popen(
        [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", str(workers)],
        env={**os.environ, **environment},
        cwd=Path(__file__).resolve().parents[1],
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


def wait_until_ready(base_url: str, child: "subprocess.Popen[bytes]") -> None:
    """Wait until a service answers.

    Raises:
        NotReady: It ended, or took longer than a minute.
    """
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(base_url=base_url, timeout=5) as http:
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise NotReady(f"the service ended with code {child.returncode} before it was ready")
            with contextlib.suppress(httpx.TransportError):
                if http.get("/health/ready").is_success:
                    return
            time.sleep(0.05)
    raise NotReady(f"the service at {base_url} is not ready after {START_SECONDS:.0f} s")


def stop(child: "subprocess.Popen[bytes]") -> None:
    """Let a child end in good order, and make it if it does not."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(20)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(5)


def refuse_taken_port(host: str, port: int) -> None:
    """Check that nobody listens where the service will.

    Raises:
        InvalidRequest: Somebody does, or it can't be listened on.
    """
    try:
        with socket.create_server((host, port), reuse_port=False):
            pass
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InvalidRequest(f"port {port} of {host}: {reason}; choose another one by --port") from None


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
