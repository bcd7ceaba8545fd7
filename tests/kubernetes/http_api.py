"""The Kubernetes HTTP API over the store: what the official client calls, JSON in and out."""

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.kubernetes.jobs import Jobs, admit
from tests.kubernetes.objects import KINDS, ApiError, Object, Store
from tests.kubernetes.pods import Pods

_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/v1))"
    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>status|log))?"
)
_NAMESPACE = re.compile(r"/api/v1/namespaces(?:/(?P<name>[^/]+))?")


class Api:
    """One request in, one answer out."""

    def __init__(self, store: Store, pods: Pods, jobs: Jobs) -> None:
        self._store, self._pods, self._jobs = store, pods, jobs

    def answer(self, method: str, url: str, body: Object | None) -> str:
        """Return the text that a client is sent: an object's JSON, or a log.

        Raises:
            ApiError: anything that is not 2xx.
        """
        parts = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/version":
            return json.dumps({"major": "1", "minor": self._store.versions[-1].split(".")[1]})
        plural, namespace, name, sub = _target(parts.path)
        if method == "POST" and name is None:
            self._store.validate(plural, body or {})
        with self._store.lock:
            if name is None:
                return json.dumps(self._all(method, plural, namespace, body or {}, query))
            found = self._store.get(plural, namespace, name)
            if sub == "log":
                return self._log(found, query)
            return json.dumps(self._one(method, plural, found, body or {}, query))

    def _all(self, method: str, plural: str, namespace: str, body: Object, query: dict[str, str]) -> Object:
        if method == "POST":
            return self._create(plural, namespace, body)
        if method == "GET" and "watch" not in query:
            return self._list(plural, namespace, query)
        raise ApiError(405, "MethodNotAllowed", f"{method} of all {plural} is not served here")

    def _one(self, method: str, plural: str, found: Object, body: Object, query: dict[str, str]) -> Object:
        match method:
            case "GET":
                return found
            case "PATCH":
                _merge(found, body)
                self._store.touch(found)
                return found
            case "DELETE":
                return self._delete(plural, found, {**body, **query})
        raise ApiError(405, "MethodNotAllowed", f"{method} is not served here")

    def _create(self, plural: str, namespace: str, body: Object) -> Object:
        if plural == "pods":
            admit(self._store, namespace, body)
        made = self._store.create(plural, namespace, body)
        if plural in ("pods", "jobs"):
            made["status"] = {"phase": "Pending"} if plural == "pods" else {}
        return made

    def _list(self, plural: str, namespace: str, query: dict[str, str]) -> Object:
        items = self._store.every(
            plural, namespace, query.get("labelSelector", ""), query.get("fieldSelector", "")
        )
        kind = KINDS[plural]
        return {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": {}, "items": items}

    def _log(self, pod: Object, query: dict[str, str]) -> str:
        if pod["status"]["phase"] == "Pending":
            raise ApiError(400, "BadRequest", f'pod "{pod["metadata"]["name"]}" is waiting to start')
        lines = self._pods.log(pod, query.get("container")).splitlines(keepends=True)
        if "tailLines" in query:
            lines = lines[-int(query["tailLines"]) :]
        if query.get("timestamps") == "true":
            lines = [f"{pod['status']['startTime']} {line}" for line in lines]
        return "".join(lines)

    def _delete(self, plural: str, found: Object, options: Object) -> Object:
        grace = options.get("gracePeriodSeconds")
        if plural == "pods":
            self._pods.delete(found, None if grace is None else float(grace))
        elif plural == "jobs":
            policy = options.get("propagationPolicy")
            self._jobs.delete(found, with_pods=policy in ("Background", "Foreground"))
        else:
            self._store.remove(plural, found)
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}


def _target(path: str) -> tuple[str, str, str | None, str | None]:
    alone = _NAMESPACE.fullmatch(path)
    if alone:
        return "namespaces", "", alone["name"], None
    found = _PATH.fullmatch(path)
    if found is None or found["plural"] not in KINDS:
        raise ApiError(404, "NotFound", f"the server could not find {path}")
    if KINDS[found["plural"]].api_version != (found["core"] or found["group"]):
        raise ApiError(404, "NotFound", f"the server could not find {path}")
    return found["plural"], found["namespace"] or "", found["name"], found["sub"]


def _merge(onto: Object, patch: Object) -> None:
    """Apply a JSON merge patch (RFC 7386)."""
    for name, value in patch.items():
        if value is None:
            onto.pop(name, None)
        elif isinstance(value, dict) and isinstance(onto.get(name), dict):
            _merge(onto[name], value)
        else:
            onto[name] = value


def handler(api: Api, refusals: Callable[[], int | None]) -> type[BaseHTTPRequestHandler]:
    """Return the request handler; `refusals` gives a status with which the next request is refused."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            try:
                refused = refusals()
                if refused is not None:
                    raise ApiError(refused, "ServiceUnavailable", "the API server is not well")
                text, code = api.answer(self.command, self.path, body), 200
            except ApiError as error:
                text, code = json.dumps(error.status), error.code
            kind = "text/plain" if self.path.partition("?")[0].endswith("/log") else "application/json"
            self.send_response(201 if code == 200 and self.command == "POST" else code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing; a test that fails prints what it needs."""

    return Handler
