"""What stands before fakesnow's application: the login check of key pairs, a record, and injected faults."""

import base64
import gzip
import hashlib
import importlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

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
class Asked:
    """What was asked of the server, and what goes wrong."""

    logins: list[Login] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    def clear(self) -> None:
        """Forget all of it."""
        for one in (self.logins, self.statements, self.faults.lose, self.faults.refuse):
            one.clear()


def fakesnow_server() -> Any:
    """Return fakesnow's server module."""
    # The package has a function of that name, which hides the module from `from fakesnow import server`.
    return importlib.import_module("fakesnow.server")


class Front:
    """ASGI application before fakesnow's: checks logins, records what is asked for, injects faults."""

    def __init__(self, asked: Asked, name: str, key: rsa.RSAPublicKey) -> None:
        self._inner, self._asked, self._name, self._key = fakesnow_server().app, asked, name, key

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if scope["path"] == "/session/v1/login-request":
            await self._login(scope, body, send)
        elif scope["path"] == "/queries/v1/query-request":
            await self._query(scope, body, send)
        else:
            await self._inner(scope, _replayed(body), send)

    async def _login(self, scope: dict[str, Any], body: bytes, send: Send) -> None:
        data, query = _json(scope, body)["data"], parse_qs(scope["query_string"].decode())
        if not self._knows(data):
            await _answer(send, {"code": "390144", "message": "JWT token is invalid.", "success": False})
            return
        tag = data["SESSION_PARAMETERS"].get("QUERY_TAG", "")
        role, warehouse = (query.get(name, [""])[0] for name in ("roleName", "warehouse"))
        self._asked.logins.append(Login(data["LOGIN_NAME"], role, warehouse, tag))
        await self._inner(scope, _replayed(body), send)

    def _knows(self, data: dict[str, Any]) -> bool:
        """Whether the token is signed by the registered key and names it, as Snowflake asks."""
        der = self._key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode()
        name = self._name
        try:
            claims = jwt.decode(data.get("TOKEN", ""), self._key, algorithms=["RS256"], subject=name)
        except jwt.InvalidTokenError:
            return False
        return (
            data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT" and claims["iss"] == f"{name}.SHA256:{fingerprint}"
        )

    async def _query(self, scope: dict[str, Any], body: bytes, send: Send) -> None:
        statement = " ".join(_json(scope, body)["sqlText"].split())
        self._asked.statements.append(statement)
        faults = self._asked.faults
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
            fakesnow_server().sessions.clear()
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
