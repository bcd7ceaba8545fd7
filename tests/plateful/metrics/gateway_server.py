"""A gateway on loopback that keeps groups as a Pushgateway does, and takes only what parses."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from prometheus_client.parser import text_string_to_metric_families

Group = tuple[tuple[str, str], ...]


@dataclass
class GatewayServer:
    """What the gateway was told: group -> (when, samples); every request's method in order."""

    port: int = 0
    groups: dict[Group, tuple[float, dict[tuple[str, Group], float]]] = field(default_factory=dict)
    methods: list[str] = field(default_factory=list)
    status: int = 200
    delay: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def age(self, seconds: float) -> None:
        """Make every push so much older."""
        self.groups = {group: (at - seconds, samples) for group, (at, samples) in self.groups.items()}

    def text(self) -> str:
        lines = []
        for group, (at, samples) in self.groups.items():
            lines.append(_line("push_time_seconds", group, at))
            lines += [_line(name, (*labels, *group), value) for (name, labels), value in samples.items()]
        return "\n".join(lines) + "\n"


def _line(name: str, labels: Group, value: float) -> str:
    told = ",".join(f'{label}="{text}"' for label, text in labels)
    return f"{name}{{{told}}} {value!r}".replace("inf", "+Inf")


@contextmanager
def running_gateway() -> Iterator[GatewayServer]:
    """Run a gateway on a free port; stop it at the end of the block."""
    state = GatewayServer()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            samples = {
                (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in text_string_to_metric_families(body)
                for sample in family.samples
            }
            self._answer(lambda: state.groups.__setitem__(_group(self.path), (time.time(), samples)))

        def do_DELETE(self) -> None:
            self._answer(lambda: state.groups.pop(_group(self.path), None))

        def do_GET(self) -> None:
            self._answer(lambda: None, state.text().encode())

        def _answer(self, act: object, body: bytes = b"") -> None:
            state.methods.append(self.command)
            if state.delay:
                stopped.wait(state.delay)
            if state.status == 200:
                act()  # type: ignore[operator]
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    stopped = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _group(path: str) -> Group:
    parts = re.fullmatch(r"/metrics/(.+)", path)
    assert parts is not None, path
    names = [unquote(part) for part in parts[1].split("/")]
    return tuple(sorted(zip(names[::2], names[1::2], strict=True)))
