"""Addresses are checked in every spelling; the fetcher talks to a real server on loopback."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from plateful.products.urls import UrlProblem, WebUrl, fetch, is_address, parse_url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.jpg",
        "http://localhost/a.jpg",
        "http://10.1.2.3/a",
        "http://192.168.0.1/a",
        "http://169.254.169.254/latest",
        "http://[::1]/a",
        "http://[fe80::1]/a",
        "http://[::ffff:127.0.0.1]/a",
        "http://2130706433/a",
        "http://0x7f.0.0.1/a",
        "http://127.1/a",
        "http://0177.0.0.1/a",
        "http://metadata.google.internal/a",
        "http://db.local/a",
        "http://intranet/a",
        "http://0.0.0.0/a",
        "http://①②⑦.⓪.⓪.①/a",
        "http://user:pw@example.com/a",
        "http://example.com:22/a",
        "http://example.com:99999/a",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "http:///a",
        "http://exa mple.com/a",
        "http://example.com/\x00",
        "http://example.com\\@127.0.0.1/",
        "//example.com/a",
        "http://224.0.0.1/a",
        "http://100.64.0.1/a",
        "s3://x",
        "s3://Bad_Bucket/k",
        "https://" + "a" * 3000 + ".com/",
    ],
)
def test_unsafe_addresses(url: str) -> None:
    assert is_address(url)
    problem = parse_url(url)
    assert isinstance(problem, UrlProblem), problem
    assert problem.reason == "unsafe_url"
    assert problem.detail


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://images.example.com/a%20b.jpg?w=1&h=2#x", "images.example.com", 443, "/a%20b.jpg?w=1&h=2"),
        ("HTTP://EXAMPLE.COM", "example.com", 80, "/"),
        ("http://münchen.example/ä.jpg", "xn--mnchen-3ya.example", 80, "/%C3%A4.jpg"),
        ("https://example.com:8443/x", "example.com", 8443, "/x"),
        ("http://93.184.216.34/x", "93.184.216.34", 80, "/x"),
        ("s3://menu-photos/de/1.jpg", "menu-photos", 0, "/de/1.jpg"),
    ],
)
def test_good_addresses(url: str, host: str, port: int, target: str) -> None:
    parsed = parse_url(url)
    assert isinstance(parsed, WebUrl)
    assert (parsed.host, parsed.port, parsed.target) == (host, port, target)


def test_paths_are_not_addresses() -> None:
    assert not is_address("photos/a.jpg")
    assert not is_address("photos/a:b.jpg")


class _Shop(BaseHTTPRequestHandler):
    """A picture host: /ok, /moved, /gone, /lost, /big, /short, /drip."""

    def do_GET(self) -> None:
        getattr(self, "_" + self.path.strip("/").split("?")[0])()

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _ok(self) -> None:
        self._send(200, b"picture")

    def _moved(self) -> None:
        self._send(302, Location="http://169.254.169.254/")

    def _gone(self) -> None:
        self._send(410)

    def _lost(self) -> None:
        self._send(404)

    def _big(self) -> None:
        self._send(200, b"x" * 5_000)

    def _short(self) -> None:
        self._send(200, b"half", Content_Length="100")

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.stopping.wait(0.01):  # type: ignore[attr-defined]
            try:
                self.wfile.write(b"x")
                self.wfile.flush()
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    server.stopping = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.stopping.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def test_fetch_returns_the_body(shop: str) -> None:
    assert fetch(f"http://{shop}/ok?v=1", allow_hosts={shop}) == b"picture"


def test_loopback_is_refused_without_permission(shop: str) -> None:
    answer = fetch(f"http://{shop}/ok")
    assert isinstance(answer, UrlProblem)
    assert answer.reason == "unsafe_url"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("moved", "redirected"), ("gone", "http_410"), ("lost", "http_404"), ("short", "unreachable")],
)
def test_answers_that_give_no_picture(shop: str, path: str, reason: str) -> None:
    answer = fetch(f"http://{shop}/{path}", allow_hosts={shop})
    assert isinstance(answer, UrlProblem)
    assert answer.reason == reason


def test_caps(shop: str) -> None:
    large = fetch(f"http://{shop}/big", allow_hosts={shop}, max_bytes=4_999)
    assert isinstance(large, UrlProblem)
    assert large.reason == "too_large"
    slow = fetch(f"http://{shop}/drip", allow_hosts={shop}, timeout_s=0.2)
    assert isinstance(slow, UrlProblem)
    assert slow.reason == "timeout"


def test_a_public_name_that_resolves_inside_is_not_contacted(shop: str) -> None:
    def resolve(_host: str, port: int, **_: object) -> list:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    answer = fetch(f"http://pictures.example.com:80/{shop}", resolve=resolve)
    assert isinstance(answer, UrlProblem)
    assert answer.reason == "unsafe_address"


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        answer = fetch(f"http://{host}/", allow_hosts={host})
    assert isinstance(answer, UrlProblem)
    assert answer.reason == "unreachable"
