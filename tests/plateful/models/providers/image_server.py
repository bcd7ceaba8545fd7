"""A loopback server that speaks the providers' published interfaces, bills what it renders, and can go wrong.

Requests are checked strictly: an unknown field, a wrong value, a bad key get the provider's own refusal.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from plateful.vision.image_io import encode_png
from tests.plateful.models.providers.provider_apis import APIS, Api, Bad, Order, body_fields

KEY = "key-of-the-tests"
RETRY_AFTER = 7


@dataclass
class Account:
    """What the provider's side knows.

    Attributes:
        faults: taken one per POST, first to last; none left = all is well.
        seen: (path, fields) of every POST, in order of arrival.
        keys: Idempotency-Key of every POST.
        bills: one line per picture charged: the key it came with.
        honours_keys: a repeated key is answered from the first call, and not billed.
    """

    api: Api
    honours_keys: bool = False
    faults: deque[str] = field(default_factory=deque)
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    bills: list[str] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    link_faults: deque[str] = field(default_factory=deque)
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    # Set at the end: what hangs goes on then.
    closing: threading.Event = field(default_factory=threading.Event)
    # Called with the key once a picture is billed, before the answer leaves.
    on_bill: Any = None


def colour_of(path: str, fields: dict[str, Any]) -> np.ndarray:
    """The colour that a request is answered with: any change of the request changes it."""
    told = repr((path, sorted((name, repr(value)) for name, value in fields.items())))
    return np.frombuffer(hashlib.sha256(told.encode()).digest()[:3], np.uint8)


def painted(order: Order, colour: np.ndarray) -> np.ndarray:
    """One colour everywhere, or over the part of the uploaded picture that its mask gives free."""
    if order.photo is None:
        picture = np.empty((order.height, order.width, 3), np.uint8)
        picture[:] = colour
        return picture
    free = np.ones(order.photo.shape[:2], bool) if order.free is None else order.free
    return np.where(free[..., None], colour, order.photo).astype(np.uint8)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    account: Account

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        fault = self.account.link_faults.popleft() if self.account.link_faults else None
        content = self.account.files.get(self.path)
        if fault == "gone" or content is None:
            self.answer(404, b"gone", "text/plain")
        elif fault == "html":
            self.answer(200, b"<html>", "text/html")
        else:
            assert "Authorization" not in self.headers
            assert "Api-Key" not in self.headers
            self.answer(200, content, "image/png")

    def do_POST(self) -> None:
        account = self.account
        with account.lock:
            account.at_once += 1
            account.most_at_once = max(account.most_at_once, account.at_once)
        try:
            self._post()
        finally:
            with account.lock:
                account.at_once -= 1

    def _post(self) -> None:
        account, api = self.account, self.account.api
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers.get("Idempotency-Key", "")
        with account.lock:
            fault = account.faults.popleft() if account.faults else None
            fields = body_fields(self.headers["Content-Type"], raw)
            account.seen.append((self.path, fields))
            account.keys.append(key)
        if self.headers.get(api.key_header) != api.key_form.format(KEY) or fault == "unauthorized":
            return self.say(401, api.error(401, "unauthorized"))
        try:
            order = api.order(self.path, fields)
        except Bad as bad:
            return self.say(400, api.error(400, str(bad)))
        if fault in api.before:
            status, body, headers = api.before[fault]
            return self.say(status, body, headers)
        if fault == "redirect":
            return self.say(307, {}, {"Location": "http://127.0.0.1:9/elsewhere"})
        if account.honours_keys and key in account.answers:
            return self.answer(200, account.answers[key], "application/json")
        self._rendered(order, fields, key, fault)

    def _rendered(self, order: Order, fields: dict[str, Any], key: str, fault: str | None) -> None:
        account, api = self.account, self.account.api
        if fault == "withheld":
            if api.withheld_is_billed:
                account.bills.append(key)
            return self.say(200, api.withheld)
        picture = painted(order, colour_of(self.path, fields))
        if fault == "wrong_size":
            picture = picture[: len(picture) // 2]
        if fault == "other_pixels":
            picture = picture[:-16, :-16]
        content = b"\x89PNG\r\n\x1a\n broken" if fault == "broken" else encode_png(picture)
        with account.lock:
            account.bills.append(key)
            link = f"/files/{len(account.bills)}.png"
            account.files[link] = content
            host, port = self.server.server_address[:2]
            body = api.answer(content, f"http://{host}:{port}{link}")
            account.answers[key] = body
        if account.on_bill:
            account.on_bill(key)
        self._delivered(body, fault)

    def _delivered(self, body: bytes, fault: str | None) -> None:
        if fault == "timeout":
            self.account.closing.wait(30)
        elif fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif fault == "cut":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:100])
            self.close_connection = True
        elif fault == "server_error":
            self.say(500, self.account.api.error(500, "internal"))
        elif fault == "html":
            self.answer(200, b"<html>", "text/html")
        elif fault == "not_json":
            self.answer(200, b"{", "application/json")
        elif fault == "empty":
            self.answer(200, b"{}", "application/json")
        else:
            self.answer(200, body, "application/json")

    def say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        """Answer JSON."""
        import json

        self.answer(status, json.dumps(body).encode(), "application/json", headers)

    def answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        """Answer bytes."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Quiet about clients that leave."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def image_server(provider: str, **options: Any) -> Iterator[tuple[str, Account]]:
    """Serve one provider's interface; yields its address and its account."""
    account = Account(APIS[provider], **options)
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"account": account}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{account.api.base}", account
    finally:
        account.closing.set()
        server.shutdown()
        server.server_close()
