"""A Google Translation service on loopback: token endpoint and translateText, with faults on demand.

Payloads as in cloud.google.com/translate/docs (v3, read 2026-11-21): errors are
`{"error": {"code", "message", "status"}}`, answers `{"translations": [{"translatedText"}]}`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass
class Fault:
    """What the service does instead of answering; status 0 drops the connection."""

    status: int
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass
class Service:
    """What the service was asked, and what goes wrong next, call by call (None: nothing)."""

    url: str = ""
    calls: list[dict] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    faults: list[Fault | None] = field(default_factory=list)
    poison: str = "\0"
    token_status: int = 200


@contextmanager
def google_service() -> Iterator[Service]:
    """Run the service until the block ends."""
    service = Service()

    class _Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/token":
                good = {"access_token": "granted", "expires_in": 3600, "token_type": "Bearer"}
                bad = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
                return self._json(service.token_status, good if service.token_status == 200 else bad)
            service.paths.append(self.path)
            service.tokens.append(self.headers["Authorization"])
            service.calls.append(json.loads(body))
            fault = service.faults.pop(0) if service.faults else None
            if fault is not None:
                return self._fault(fault)
            texts = service.calls[-1]["contents"]
            if service.poison in "".join(texts):
                return self._json(400, _error(400, "Text contains invalid characters.", "INVALID_ARGUMENT"))
            return self._json(200, {"translations": [{"translatedText": f"english {t}"} for t in texts]})

        def _fault(self, fault: Fault) -> None:
            if fault.status == 0:
                self.close_connection = True
                return None
            body = _error(fault.status, fault.message, "FAULT")
            return self._json(fault.status, body if fault.body is None else fault.body, fault.headers)

        def _json(self, status: int, body: dict | bytes, headers: dict[str, str] | None = None) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


def write_key(path: Path, service: Service) -> None:
    """Write a service account's key file whose tokens come from the loopback service."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "menus",
                "private_key_id": "k1",
                "private_key": pem.decode(),
                "client_email": "plateful@menus.example",
                "client_id": "1",
                "token_uri": f"{service.url}/token",
            }
        )
    )


def _error(code: int, message: str, status: str) -> dict:
    return {"error": {"code": code, "message": message, "status": status}}
