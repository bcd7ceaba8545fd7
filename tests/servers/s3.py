"""moto's S3 server on the loopback behind a switch that makes it fail as the real service does.

Its conditional writes look first and write afterwards; S3 decides at once, so they are taken one by one here.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from werkzeug.serving import make_server

REGION = "eu-central-1"
BUCKETS = ("lake", "images")
# How long a closing server may sleep yet.
POLL_SECONDS = 0.02
_ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>{}</Message></Error>'
WsgiApp = Callable[[dict, Any], Iterable[bytes]]


@dataclass
class Fault:
    """What the next `times` requests meet that have this method and this text in their path and query.

    Attributes:
        status: answer that HTTP status with the S3 error `code` instead of working.
        delay: wait that many seconds first.
        drop: cut the connection before the request is worked on, or after it, when the reply is lost.
    """

    times: int = 1
    method: str | None = None
    path: str = ""
    status: int | None = None
    code: str = "SlowDown"
    delay: float = 0
    drop: Literal["before", "after"] | None = None

    def meets(self, method: str, path: str) -> bool:
        """Return whether a request is met."""
        return self.times > 0 and self.method in (None, method) and self.path in path


@dataclass(frozen=True)
class S3Server:
    """Where the server answers, what fails there, and which requests it saw."""

    endpoint: str
    region: str
    buckets: tuple[str, ...]
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which an AWS client works here."""
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> Any:
        """Return a boto3 client for looking at what is stored."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106 - moto takes any
        )

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the keys of a bucket, sorted."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


@contextmanager
def running_s3(buckets: tuple[str, ...] = BUCKETS) -> Iterator[S3Server]:
    """Run a server with empty buckets until the block ends."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )

    faults: list[Fault] = []
    requests: list[tuple[str, str]] = []
    app = _Switch(DomainDispatcherApplication(create_backend_app), faults, requests)
    listener = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_quiet(MotoRequestHandler))
    thread = threading.Thread(target=listener.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    server = S3Server(f"http://127.0.0.1:{listener.server_port}", REGION, buckets, faults, requests)
    try:
        _make_buckets(server)
        yield server
    finally:
        faults.clear()
        _empty()
        listener.shutdown()
        thread.join()
        listener.server_close()


def _make_buckets(server: S3Server) -> None:
    client = server.client()
    for bucket in server.buckets:
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": server.region})
    server.requests.clear()


def _empty() -> None:
    """Forget what is stored: moto keeps one state for all servers of a process."""
    from moto.s3.models import s3_backends

    for accounts in s3_backends.values():
        accounts["aws"].reset()


def _quiet(handler: type) -> type:
    return type("QuietHandler", (handler,), {"log_request": lambda *_: None})


class _Switch:
    """WSGI middleware that lets requests meet faults before, or after, moto works on them."""

    def __init__(self, app: WsgiApp, faults: list[Fault], requests: list[tuple[str, str]]) -> None:
        self._app, self._faults, self._requests = app, faults, requests
        self._lock, self._conditional = threading.Lock(), threading.Lock()

    def __call__(self, environ: dict, start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if query := environ.get("QUERY_STRING"):
            path = f"{path}?{query}"
        fault = self._next(method, path)
        if fault is None:
            return self._answer(environ, start_response)
        time.sleep(fault.delay)
        if fault.drop == "before":
            return _cut(environ)
        if fault.status is not None:
            return _refuse(environ, start_response, fault)
        answer = self._answer(environ, start_response)
        return _cut(environ) if fault.drop == "after" else answer

    def _next(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self._requests.append((method, path))
            fault = next((each for each in self._faults if each.meets(method, path)), None)
            if fault is not None:
                fault.times -= 1
            return fault

    def _answer(self, environ: dict, start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_IF_NONE_MATCH") != "*":
            return self._app(environ, start_response)
        with self._conditional:
            return list(self._app(environ, start_response))


def _refuse(environ: dict, start_response: Any, fault: Fault) -> Iterable[bytes]:
    # Unread bytes would make the kernel reset the connection before the client read the answer.
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response(f"{fault.status} {fault.code}", [("Content-Type", "application/xml")])
    body = _ERROR.format(fault.code, "injected by the test")
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body.encode()]


def _cut(environ: dict) -> Iterable[bytes]:
    with suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("cut by the test")
