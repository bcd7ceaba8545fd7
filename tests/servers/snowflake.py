"""A Snowflake server on the loopback: fakesnow's, behind the login check and the faults of the real one.

fakesnow takes any login. Here a login must carry a JWT signed by the registered key, as Snowflake's key-pair
authentication asks for; statements can be refused, and replies lost before or after their statement ran.
"""

import base64
import gzip
import hashlib
import importlib
import json
import socket
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs

import jwt
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ACCOUNT, USER, ROLE = "TESTACCOUNT", "PLATEFUL_SERVICE", "PLATEFUL_WRITER"
DATABASE, SCHEMA, WAREHOUSE = "SHOP", "PLATEFUL", "SMALL_WH"
START_SECONDS = 30.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Login:
    """What one session asked for at its login."""

    user: str
    role: str
    warehouse: str
    query_tag: str


@dataclass(frozen=True)
class Loss:
    """One statement whose reply is lost.

    Attributes:
        words: how it begins.
        ran: whether it runs before its reply is lost.
        session: whether the session is lost too; else the same request can be sent again.
    """

    words: str
    ran: bool
    session: bool = True


@dataclass
class Faults:
    """What goes wrong from now on.

    Attributes:
        lose: replies to lose; each is used up once.
        refuse: first words of statements that the role may not run.
    """

    lose: list[Loss] = field(default_factory=list)
    refuse: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SnowflakeServer:
    """Where the server answers, and whom it knows."""

    host: str
    port: int
    private_key_file: Path
    logins: list[Login]
    statements: list[str]
    faults: Faults
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
        with _fakesnow().shared_fs.connect(self.database, self.schema) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()


@contextmanager
def running_snowflake() -> Iterator[SnowflakeServer]:
    """Run an empty server on a free port until the block ends."""
    from fakesnow.instance import FakeSnow

    fake = _fakesnow()
    fake.shared_fs = FakeSnow()
    with tempfile.TemporaryDirectory(prefix="snowflake-") as folder, _listening() as listener:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        running = SnowflakeServer(*listener.getsockname(), write_key(Path(folder), key), [], [], Faults())
        front = _Front(fake.app, running, key.public_key())
        with _serving(front, listener):
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


def _fakesnow() -> ModuleType:
    # The package has a function of that name, which hides the module from `from fakesnow import server`.
    return importlib.import_module("fakesnow.server")


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


@contextmanager
def _serving(app: "_Front", listener: socket.socket) -> Iterator[None]:
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


class _Front:
    """ASGI application before fakesnow's: checks logins, records what is asked for, injects faults."""

    def __init__(self, inner: Any, server: SnowflakeServer, key: rsa.RSAPublicKey) -> None:
        self._inner, self._server, self._key = inner, server, key

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if scope["path"] == "/session/v1/login-request":
            await self._login(scope, body, send)
        elif scope["path"] == "/queries/v1/query-request":
            await self._query(scope, body, send)
        else:
            await self._inner(scope, _replayed(body), send)

    async def _login(self, scope: dict[str, Any], body: bytes, send: Send) -> None:
        data, asked = _json(scope, body)["data"], parse_qs(scope["query_string"].decode())
        if not self._knows(data):
            await _answer(send, {"code": "390144", "message": "JWT token is invalid.", "success": False})
            return
        tag = data["SESSION_PARAMETERS"].get("QUERY_TAG", "")
        role, warehouse = (asked.get(name, [""])[0] for name in ("roleName", "warehouse"))
        self._server.logins.append(Login(data["LOGIN_NAME"], role, warehouse, tag))
        await self._inner(scope, _replayed(body), send)

    def _knows(self, data: dict[str, Any]) -> bool:
        """Whether the token is signed by the registered key and names it, as Snowflake asks."""
        der = self._key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode()
        name = f"{ACCOUNT}.{USER}"
        try:
            claims = jwt.decode(data.get("TOKEN", ""), self._key, algorithms=["RS256"], subject=name)
        except jwt.InvalidTokenError:
            return False
        return (
            data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT" and claims["iss"] == f"{name}.SHA256:{fingerprint}"
        )

    async def _query(self, scope: dict[str, Any], body: bytes, send: Send) -> None:
        statement = " ".join(_json(scope, body)["sqlText"].split())
        self._server.statements.append(statement)
        faults = self._server.faults
        if any(statement.startswith(words) for words in faults.refuse):
            refusal = {"code": "003001", "message": "SQL access control error: Insufficient privileges"}
            await _answer(send, {**refusal, "success": False, "data": {"sqlState": "42501"}})
            return
        lost = next((loss for loss in faults.lose if statement.startswith(loss.words)), None)
        if lost is None:
            await self._inner(scope, _replayed(body), send)
            return
        faults.lose.remove(lost)
        if lost.ran:
            await self._inner(scope, _replayed(body), _nowhere)
        if lost.session:
            _fakesnow().sessions.clear()
            await _answer(send, {"code": "390111", "message": "Session no longer exists.", "success": False})
        else:
            await _answer(send, {"code": "000000", "message": "gone", "success": False}, status=503)


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _replayed(body: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _json(scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    packed = dict(scope["headers"]).get(b"content-encoding") == b"gzip"
    return json.loads(gzip.decompress(body) if packed else body)


async def _answer(send: Send, content: dict[str, Any], status: int = 200) -> None:
    body = json.dumps({"data": None, **content}).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _nowhere(_message: dict[str, Any]) -> None:
    """Take a reply and lose it."""
