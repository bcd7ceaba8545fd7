"""A Snowflake server on the loopback: fakesnow's, behind the login check and the faults of the real one.

fakesnow takes any login. Here a login must carry a JWT signed by the registered key, as Snowflake's key-pair
authentication asks for; statements can be refused, and replies lost before or after their statement ran.
"""

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.snowflake_front import Asked, Front, fakesnow_server

ACCOUNT, USER, ROLE = "TESTACCOUNT", "PLATEFUL_SERVICE", "PLATEFUL_WRITER"
DATABASE, SCHEMA, WAREHOUSE = "SHOP", "PLATEFUL", "SMALL_WH"
START_SECONDS = 30.0


@dataclass(frozen=True)
class SnowflakeServer:
    """Where the server answers, and whom it knows."""

    host: str
    port: int
    private_key_file: Path
    asked: Asked
    account: str = ACCOUNT
    user: str = USER
    role: str = ROLE
    database: str = DATABASE
    schema: str = SCHEMA
    warehouse: str = WAREHOUSE
    protocol: str = "http"

    def variables(self) -> dict[str, str]:
        """Return the environment variables that lead Plateful here."""
        names = ("account", "user", "role", "database", "schema", "warehouse", "host", "port", "protocol")
        values = {name: str(getattr(self, name)) for name in (*names, "private_key_file")}
        return {f"PLATEFUL_SNOWFLAKE_{name.upper()}": value for name, value in values.items()}

    def execute(self, *statements: str) -> list[Any]:
        """Run statements in fakesnow itself, past login and faults; return the last one's rows."""
        with fakesnow_server().shared_fs.connect(self.database, self.schema) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()


@contextmanager
def running_snowflake() -> Iterator[SnowflakeServer]:
    """Run an empty server on a free port until the block ends; fakesnow has one state, so one at a time."""
    from fakesnow.instance import FakeSnow

    fake = fakesnow_server()
    fake.shared_fs = FakeSnow()
    with tempfile.TemporaryDirectory(prefix="snowflake-") as folder, _listening() as listener:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        host, port = listener.getsockname()
        running = SnowflakeServer(host, port, write_key(Path(folder), key), Asked())
        with _serving(Front(running.asked, f"{ACCOUNT}.{USER}", key.public_key()), listener):
            yield running
    fake.sessions.clear()
    fake.shared_fs.duck_conn.close()


def write_key(folder: Path, key: rsa.RSAPrivateKey, passphrase: str | None = None) -> Path:
    """Write a private key as PKCS#8 PEM, encrypted if there is a passphrase; return its path."""
    path = folder / ("rsa_key.p8" if passphrase is None else "encrypted_key.p8")
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else None
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            locked or serialization.NoEncryption(),
        )
    )
    return path


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


@contextmanager
def _serving(app: Front, listener: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the Snowflake server did not start")
        thread.join(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
