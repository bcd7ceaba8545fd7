"""What a Kubernetes API server keeps: objects by kind, namespace and name, found by label and field."""

import copy
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import kubernetes_validate

Object = dict[str, Any]
Key = tuple[str, str]


class ApiError(Exception):
    """An answer that is not 2xx, as the API server words it."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message

    @property
    def status(self) -> Object:
        """The Status object that a client is sent."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": self.reason,
            "message": self.message,
            "code": self.code,
        }


@dataclass(frozen=True)
class Kind:
    """One resource type as it stands in a URL."""

    name: str
    plural: str
    api_version: str
    namespaced: bool = True


KINDS = {
    kind.plural: kind
    for kind in (
        Kind("Job", "jobs", "batch/v1"),
        Kind("Pod", "pods", "v1"),
        Kind("Event", "events", "v1"),
        Kind("ConfigMap", "configmaps", "v1"),
        Kind("Secret", "secrets", "v1"),
        Kind("ServiceAccount", "serviceaccounts", "v1"),
        Kind("Namespace", "namespaces", "v1", namespaced=False),
        Kind("Node", "nodes", "v1", namespaced=False),
        Kind("PriorityClass", "priorityclasses", "scheduling.k8s.io/v1", namespaced=False),
    )
}


def now() -> str:
    """The present moment as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Store:
    """Every object of the cluster. Callers that read and then write hold `lock` over both."""

    versions: tuple[str, ...]
    lock: threading.RLock = field(default_factory=threading.RLock)
    _objects: dict[str, dict[Key, Object]] = field(default_factory=lambda: {plural: {} for plural in KINDS})
    _count: int = 0

    def create(self, plural: str, namespace: str, posted: Object) -> Object:
        """Keep an object that was validated before; 409 where its name is taken."""
        kind, made = KINDS[plural], _typed(plural, posted)
        meta = made["metadata"]
        if kind.namespaced:
            meta.setdefault("namespace", namespace)
            if namespace not in {name for _, name in self._objects["namespaces"]}:
                raise ApiError(404, "NotFound", f'namespaces "{namespace}" not found')
        with self.lock:
            name = meta.get("name") or f"{meta.get('generateName', '')}{uuid4().hex[:5]}"
            key = (namespace if kind.namespaced else "", name)
            if key in self._objects[plural]:
                raise ApiError(409, "AlreadyExists", f'{plural} "{name}" already exists')
            meta.update(name=name, uid=str(uuid4()), creationTimestamp=now())
            self._objects[plural][key] = made
            self.touch(made)
        return made

    def validate(self, plural: str, posted: Object) -> None:
        """Hold an object against the published schemas; 422 where one of them refuses it."""
        made = _typed(plural, posted)
        for version in self.versions:
            try:
                kubernetes_validate.validate(made, version, strict=True)
            except kubernetes_validate.ValidationError as refused:
                where = ".".join(str(part) for part in refused.path)
                name = f'{made["kind"]} "{made.get("metadata", {}).get("name")}"'
                raise ApiError(
                    422,
                    "Invalid",
                    f"{name} is invalid for Kubernetes {version}: {where}: {refused.message}",
                ) from None

    def touch(self, changed: Object) -> None:
        """Give an object that was changed in place its next resource version."""
        with self.lock:
            self._count += 1
            changed["metadata"]["resourceVersion"] = str(self._count)

    def get(self, plural: str, namespace: str, name: str) -> Object:
        """The live object, to be changed under the lock only; 404 where there is none."""
        key = (namespace if KINDS[plural].namespaced else "", name)
        with self.lock:
            if key not in self._objects[plural]:
                raise ApiError(404, "NotFound", f'{plural} "{name}" not found')
            return self._objects[plural][key]

    def has(self, plural: str, namespace: str, name: str) -> bool:
        """Tell whether an object exists."""
        return (namespace if KINDS[plural].namespaced else "", name) in self._objects[plural]

    def remove(self, plural: str, found: Object) -> None:
        """Forget an object; nothing happens where it is gone already."""
        meta = found["metadata"]
        with self.lock:
            self._objects[plural].pop((meta.get("namespace", ""), meta["name"]), None)

    def every(self, plural: str, namespace: str = "", labels: str = "", fields: str = "") -> list[Object]:
        """The live objects that selectors choose, oldest first."""
        with self.lock:
            return [
                found
                for (where, _), found in self._objects[plural].items()
                if namespace in ("", where)
                and all(_labelled(found, term) for term in _terms(labels))
                and all(_has_field(found, term) for term in _terms(fields))
            ]

    def event(self, about: Object, reason: str, message: str, kind: str = "Warning") -> None:
        """Record an event about an object; a repeated one is counted, not written again."""
        meta = about["metadata"]
        with self.lock:
            for known in self.every("events", meta.get("namespace", "")):
                same = known["involvedObject"].get("uid") == meta["uid"]
                if same and (known["reason"], known["message"]) == (reason, message):
                    known.update(count=known["count"] + 1, lastTimestamp=now())
                    return
            self.create(
                "events",
                meta.get("namespace", "default"),
                {
                    "metadata": {"name": f"{meta['name'][:200]}.{uuid4().hex[:12]}"},
                    "involvedObject": {
                        "kind": about["kind"],
                        "name": meta["name"],
                        "namespace": meta.get("namespace", ""),
                        "uid": meta["uid"],
                    },
                    "reason": reason,
                    "message": message,
                    "type": kind,
                    "count": 1,
                    "firstTimestamp": now(),
                    "lastTimestamp": now(),
                },
            )


def _typed(plural: str, posted: Object) -> Object:
    kind = KINDS[plural]
    return {"apiVersion": kind.api_version, "kind": kind.name, **copy.deepcopy(posted)}


def _terms(selector: str) -> Iterator[str]:
    return (term.strip() for term in re.split(r",(?![^(]*\))", selector) if term.strip())


def _labelled(found: Object, term: str) -> bool:
    labels = found["metadata"].get("labels") or {}
    among = re.fullmatch(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)", term)
    if among:
        values = {value.strip() for value in among[3].split(",")}
        return (labels.get(among[1]) in values) == (among[2] == "in")
    if "=" not in term:
        return (term.lstrip("!") in labels) != term.startswith("!")
    key, wanted, value = re.fullmatch(r"([^=!]+)(!=|==|=)(.*)", term).groups()  # type: ignore[union-attr]
    return (labels.get(key.strip()) == value.strip()) == (wanted != "!=")


def _has_field(found: Object, term: str) -> bool:
    path, wanted, value = re.fullmatch(r"([^=!]+)(!=|==|=)(.*)", term).groups()  # type: ignore[union-attr]
    at: Any = found
    for part in path.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return (str(at) == value) == (wanted != "!=")
