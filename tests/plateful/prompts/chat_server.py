"""A chat endpoint on loopback that speaks OpenAI's protocol over real HTTP and behaves as it is told to."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler", dict[str, Any]], None]


@dataclass
class Script:
    """What the server does, request by request, the last behaviour for ever; and what it was asked."""

    behaviours: list[Behaviour]
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: dict[str, Any], headers: dict[str, str]) -> Behaviour:
        with self.lock:
            self.asked.append(body)
            self.headers.append(headers)
            return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


class Handler(BaseHTTPRequestHandler):
    script: Script

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        lowered = {name.lower(): value for name, value in self.headers.items()}
        self.script.take(body, {**lowered, "path": self.path})(self, body)

    def reply(self, status: int, content: bytes, **headers: str) -> None:
        # Without the Date that send_response adds: some behaviours send their own.
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def completion(text: str | None, *, finish: str = "stop", refusal: str | None = None) -> bytes:
    """A chat completion as the reference describes it."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps({**whole, "usage": usage}).encode()


def says(prompt: str) -> Behaviour:
    """Answer with this prompt."""
    return content(json.dumps({"prompt": prompt}))


def content(text: str | None, **more: Any) -> Behaviour:
    """Answer with this text."""
    return lambda handler, _: handler.reply(200, completion(text, **more))


def grammar(handler: Handler, body: dict[str, Any]) -> None:
    """Answer as a well-behaved model does: the dish with everything that must be shown, in its setting."""
    # A second try ends with what was wrong with the first.
    asked = [message["content"] for message in body["messages"] if '"setting"' in message["content"]]
    document = json.loads(asked[-1])
    setting = document["setting"]
    shown = ", ".join(dict.fromkeys(document["must_show"]))
    text = f"{shown} {setting['vessel']} on a {setting['background']} background, {setting['lighting']}"
    handler.reply(200, completion(json.dumps({"prompt": text})))


def fails(status: int, *, code: str | None = None, **headers: str) -> Behaviour:
    """Answer with an error that repeats the key, as careless servers do."""

    def answer(handler: Handler, _: dict[str, Any]) -> None:
        told = f"no {handler.headers['Authorization']}"
        error = {"message": told, "type": "t", "code": code, "param": None}
        handler.reply(status, json.dumps({"error": error}).encode(), **headers)

    return answer


def broken(handler: Handler, _: dict[str, Any]) -> None:
    """Answer with an HTML page that claims to be JSON."""
    handler.reply(200, b"<html>gateway</html>")


def silent(handler: Handler, _: dict[str, Any]) -> None:
    """Answer nothing until the test is over."""
    handler.script.closing.wait(20)


def drops(handler: Handler, _: dict[str, Any]) -> None:
    """Close the connection in the middle of the answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"id"')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(*behaviours: Behaviour) -> Iterator[Script]:
    """Run the server on a free port of 127.0.0.1."""
    script = Script(list(behaviours))
    bound = type("Bound", (Handler,), {"script": script})
    with ThreadingHTTPServer(("127.0.0.1", 0), bound) as server:
        server.daemon_threads = True
        script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield script
        finally:
            script.closing.set()
            server.shutdown()
            thread.join()
