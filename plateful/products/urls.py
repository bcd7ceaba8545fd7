"""The one URL parser and fetcher for image addresses that a feed brings.

A feed is written by strangers, so an address must not reach into the network Plateful runs in: schemes and
ports are closed lists, host addresses are checked in every spelling, DNS is resolved once and the connection
goes to the checked address, redirects are not followed, bytes and seconds are capped.
"""

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

MAX_BYTES = 20_000_000
MAX_URL = 2_048
TIMEOUT_S = 10.0
_PORTS = {"http": {80, 8080}, "https": {443, 8443}}
_INTERNAL_NAMES = re.compile(
    r"(?:^|\.)(?:localhost|local|internal|intranet|lan|corp|home|localdomain|home\.arpa)$"
)
_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")

Resolver = Callable[..., list]


@dataclass(frozen=True)
class WebUrl:
    """A checked http(s) address: what is shown, and the parts that the request is made of."""

    text: str
    scheme: str
    host: str
    port: int
    target: str


@dataclass(frozen=True)
class UrlProblem:
    """Why an address gives no picture: a named reason and the detail that goes with it."""

    reason: str
    detail: str


def is_address(text: str) -> bool:
    """Tell an address (scheme:...) from a path inside the feed's folder; `//host/x` counts as an address."""
    return bool(_SCHEME.match(text)) or text.startswith("//")


def parse_url(text: str, *, allow_hosts: Collection[str] = ()) -> WebUrl | UrlProblem:
    """Check an http(s) or s3 address without touching the network.

    Args:
        text: the address as the feed has it.
        allow_hosts: `host:port` pairs that skip the address and port checks (tests on loopback only).

    Returns:
        The parsed address (s3 has port 0), or an `unsafe_url` problem.
    """
    problem = _malformed(text)
    if problem:
        return UrlProblem("unsafe_url", problem)
    try:
        parts = urlsplit(text)
        scheme, port = parts.scheme.lower(), parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii").rstrip(".")
    except ValueError as error:
        return UrlProblem("unsafe_url", f"cannot be parsed: {error}")
    if scheme == "s3":
        return _s3(text, host, parts.path)
    if scheme not in _PORTS:
        return UrlProblem("unsafe_url", f"scheme {scheme or 'none'!r} is not http, https or s3")
    port = port or (443 if scheme == "https" else 80)
    if f"{host}:{port}" not in allow_hosts:
        problem = _unsafe_host(host) or ("" if port in _PORTS[scheme] else f"port {port} is not a web port")
        if problem:
            return UrlProblem("unsafe_url", problem)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return WebUrl(text, scheme, host, port, target)


def fetch(
    text: str,
    *,
    allow_hosts: Collection[str] = (),
    max_bytes: int = MAX_BYTES,
    timeout_s: float = TIMEOUT_S,
    resolve: Resolver = socket.getaddrinfo,
) -> bytes | UrlProblem:
    """Fetch one picture.

    Args:
        text: http(s) address.
        allow_hosts: see `parse_url`.
        max_bytes: largest body that is read.
        timeout_s: seconds for everything after DNS: connect, headers and body together.
        resolve: `socket.getaddrinfo` or a stand-in with its signature.

    Returns:
        The body of a 200 response, else a problem: `unsafe_url`, `unsafe_address`, `unreachable`, `timeout`,
        `redirected`, `http_<status>`, `too_large`, `not_fetched` (s3: see `photo_buckets`).
    """
    url = parse_url(text, allow_hosts=allow_hosts)
    if isinstance(url, UrlProblem):
        return url
    if url.scheme == "s3":
        return UrlProblem("not_fetched", "s3 addresses are not fetched over the web")
    address = _resolve(url, allow_hosts, resolve)
    if isinstance(address, UrlProblem):
        return address
    return _request(url, address, max_bytes, timeout_s)


def _malformed(text: str) -> str:
    if len(text) > MAX_URL:
        return f"is longer than {MAX_URL} characters"
    if any(c <= " " or c == "\x7f" or c == "\\" for c in text):
        return "holds a space, a control character or a backslash"
    if "@" in _authority(text):
        return "carries credentials"
    return ""


def _authority(text: str) -> str:
    """Return the part between `//` and the next `/`, `?` or `#`."""
    return re.split(r"[/?#]", text.partition("//")[2], maxsplit=1)[0]


def _s3(text: str, bucket: str, key: str) -> WebUrl | UrlProblem:
    if not _BUCKET.match(bucket) or key.strip("/") == "":
        return UrlProblem("unsafe_url", "is not s3://<bucket>/<key>")
    return WebUrl(text, "s3", bucket, 0, key)


def _unsafe_host(host: str) -> str:
    """Return why a host must not be contacted, empty when nothing speaks against it before DNS."""
    if not host:
        return "has no host"
    literal = _ip_literal(host)
    if literal is not None:
        return "" if _public(literal) else f"address {literal} is not public"
    if "." not in host or _INTERNAL_NAMES.search(host):
        return f"host {host!r} is internal"
    return ""


def _ip_literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read any spelling a C library accepts: 127.1, 0x7f.0.0.1, 2130706433, ::ffff:127.0.0.1."""
    try:
        return ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9a-fx.]+", host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner:
            return _public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _resolve(url: WebUrl, allow_hosts: Collection[str], resolve: Resolver) -> str | UrlProblem:
    try:
        answers = resolve(url.host, url.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return UrlProblem("unreachable", f"{url.host}: {error}")
    found = [answer[4][0] for answer in answers]
    if f"{url.host}:{url.port}" not in allow_hosts:
        inside = [a for a in found if not _public(ipaddress.ip_address(a.split("%")[0]))]
        if inside:
            return UrlProblem("unsafe_address", f"{url.host} resolves to {inside[0]}, which is not public")
    return found[0] if found else UrlProblem("unreachable", f"{url.host} has no address")


def _request(url: WebUrl, address: str, max_bytes: int, timeout_s: float) -> bytes | UrlProblem:
    """Make one request to a checked address; a timer shuts the socket against slow drips."""
    deadline = _Deadline()
    try:
        deadline.sock = socket.create_connection((address, url.port), timeout=timeout_s)
    except OSError as error:
        return UrlProblem(
            "timeout" if isinstance(error, TimeoutError) else "unreachable", f"{url.host}: {error}"
        )
    timer = threading.Timer(timeout_s, deadline.expire)
    timer.daemon = True
    timer.start()
    try:
        answer = _exchange(url, deadline, max_bytes)
    except (OSError, http.client.HTTPException) as error:
        late = deadline.expired or isinstance(error, TimeoutError)
        return UrlProblem(
            "timeout" if late else "unreachable", f"{url.host}: {error or type(error).__name__}"
        )
    finally:
        timer.cancel()
        deadline.sock.close()
    return UrlProblem("timeout", f"{url.host}: over {timeout_s} s") if deadline.expired else answer


class _Deadline:
    """Holds the socket in use (TLS replaces it) and shuts it when time is up."""

    sock: socket.socket
    expired = False

    def expire(self) -> None:
        self.expired = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


def _exchange(url: WebUrl, deadline: _Deadline, max_bytes: int) -> bytes | UrlProblem:
    if url.scheme == "https":
        context = ssl.create_default_context()
        secure = context.wrap_socket(deadline.sock, server_hostname=url.host, do_handshake_on_connect=False)
        deadline.sock = secure
        secure.do_handshake()
    connection = http.client.HTTPConnection(url.host, url.port)
    connection.sock = deadline.sock
    connection.request(
        "GET", url.target, headers={"Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
    )
    response = connection.getresponse()
    if 300 <= response.status < 400:
        return UrlProblem("redirected", f"{url.host} answered {response.status}; redirects are not followed")
    if response.status != 200:
        return UrlProblem(f"http_{response.status}", f"{url.host} answered {response.status}")
    if (response.length or 0) > max_bytes:
        return UrlProblem("too_large", f"{response.length} bytes, cap {max_bytes}")
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        return UrlProblem("too_large", f"over {max_bytes} bytes")
    if response.length:
        return UrlProblem("unreachable", f"{url.host} closed {response.length} bytes before the end")
    return body
