"""Containers as processes: the pod's environment and no other, its volumes as folders, its log as a file."""

import base64
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.kubernetes.nodes import Node
from tests.kubernetes.objects import ApiError, Object, Store


@dataclass(frozen=True)
class Image:
    """What a container image is on this machine: where commands are found, and its own environment."""

    path: str
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()


class NotReadyError(Exception):
    """A container cannot be made yet: a config map or secret it names does not exist."""


class Container:
    """One running process and its log."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, log: Path) -> None:
        self.log, self.started = log, time.monotonic()
        self._kill_at: float | None = None
        self.killed_as: str | None = None
        with log.open("ab") as out:
            # A group of its own: what the command starts ends with it.
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """Exit code as a container runtime gives it (128 + signal); None while the process runs."""
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._signal(signal.SIGKILL)
        code = self._process.poll()
        if code is None:
            return None
        self._signal(signal.SIGKILL)
        return 128 - code if code < 0 else code

    def stop(self, grace: float) -> None:
        """SIGTERM now, SIGKILL after `grace` seconds."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + grace
            self._signal(signal.SIGTERM)

    def kill(self, reason: str | None = None) -> None:
        """SIGKILL at once; `reason` stands in the container's status."""
        self.killed_as = reason
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


def start_container(
    pod: Object, container: Object, node: Node, image: Image, store: Store, root: Path, api: Mapping[str, str]
) -> Container:
    """Start one container of a pod that has a node; `root` is the pod's own folder."""
    mounts = _mounts(pod, container, node, store, root)
    environment = _environment(pod, container, node, image, store)
    environment = {name: _inside(value, mounts, root) for name, value in {**api, **environment}.items()}
    home = root / "home"
    home.mkdir(exist_ok=True)
    temporary = root / "tmp" if "/tmp" in mounts else None  # noqa: S108 - a mount path
    base = {"PATH": image.path, "HOME": str(home), "HOSTNAME": pod["metadata"]["name"]}
    base |= {"TMPDIR": str(temporary)} if temporary else {}
    command = [*(container.get("command") or image.entrypoint), *(container.get("args") or [])]
    command = [_expand(word, environment) for word in command]
    full = {**base, **environment}
    found = _which(command[0], full["PATH"])
    log = root / f"{container['name']}.log"
    return Container([found, *command[1:]], full, image.folder, log)


def _which(command: str, path: str) -> str:
    if "/" in command:
        return command
    for folder in path.split(":"):
        if (Path(folder) / command).exists():
            return str(Path(folder) / command)
    raise FileNotFoundError(f"exec: {command!r}: executable file not found in $PATH")


def _environment(pod: Object, container: Object, node: Node, image: Image, store: Store) -> dict[str, str]:
    found = dict(image.environment)
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix", "")
        for plural, name in (("configmaps", "configMapRef"), ("secrets", "secretRef")):
            if name in source:
                found |= {
                    f"{prefix}{key}": value for key, value in _data(store, pod, plural, source[name]).items()
                }
    for entry in container.get("env") or []:
        value = entry.get("value", "")
        if entry.get("valueFrom"):
            value = _value_from(entry["valueFrom"], pod, node, store)
        if value is not None:
            found[entry["name"]] = _expand(value, found)
    return found


def _value_from(source: Object, pod: Object, node: Node, store: Store) -> str | None:
    for plural, name in (("configmaps", "configMapKeyRef"), ("secrets", "secretKeyRef")):
        if name in source:
            data = _data(store, pod, plural, source[name])
            if source[name]["key"] not in data and not source[name].get("optional"):
                raise NotReadyError(
                    f"couldn't find key {source[name]['key']} in {plural[:-1]} {source[name]['name']}"
                )
            return data.get(source[name]["key"])
    fields = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.nodeName": node.name,
        "status.podIP": "127.0.0.1",
    }
    path = source.get("fieldRef", {}).get("fieldPath")
    if path not in fields:
        raise NotReadyError(f"this cluster gives no value for {source}")
    return fields[path]


def _data(store: Store, pod: Object, plural: str, reference: Object) -> dict[str, str]:
    try:
        found = store.get(plural, pod["metadata"]["namespace"], reference["name"])
    except ApiError as missing:
        if reference.get("optional"):
            return {}
        raise NotReadyError(missing.message) from None
    plain = dict(found.get("data") or {})
    if plural == "secrets":
        plain = {key: base64.b64decode(value).decode() for key, value in plain.items()}
        plain |= found.get("stringData") or {}
    return plain


def _expand(text: str, environment: Mapping[str, str]) -> str:
    return re.sub(r"\$\(([A-Za-z_]\w*)\)", lambda name: environment.get(name[1], name[0]), text)


def _mounts(pod: Object, container: Object, node: Node, store: Store, root: Path) -> list[str]:
    """Put each volume where the pod's own folder has its mount path; return the mount paths."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or []}
    for mount in container.get("volumeMounts") or []:
        target = root / mount["mountPath"].lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source = _volume(volumes[mount["name"]], pod, node, store, root)
            target.symlink_to(source / mount["subPath"] if mount.get("subPath") else source)
    return [mount["mountPath"].rstrip("/") for mount in container.get("volumeMounts") or []]


def _volume(volume: Object, pod: Object, node: Node, store: Store, root: Path) -> Path:
    if "hostPath" in volume:
        folder = node.folder / volume["hostPath"]["path"].lstrip("/")
    else:
        folder = root / "volumes" / volume["name"]
    folder.mkdir(parents=True, exist_ok=True)
    for plural, kind, name in (("configmaps", "configMap", "name"), ("secrets", "secret", "secretName")):
        if kind in volume:
            reference = {"name": volume[kind][name], "optional": volume[kind].get("optional")}
            for key, value in _data(store, pod, plural, reference).items():
                (folder / key).write_text(value, encoding="utf-8")
    if not {"hostPath", "configMap", "secret", "emptyDir"} & set(volume):
        raise NotReadyError(f"this cluster has no volume of the kind of {volume['name']!r}")
    return folder


def _inside(value: str, mounts: list[str], root: Path) -> str:
    """A path at, under or above a mount is that path in the pod's own folder; /tmp is left to TMPDIR."""
    if not value.startswith("/") or value == "/":
        return value
    for mount in mounts:
        near = value == mount or value.startswith(f"{mount}/") or mount.startswith(f"{value}/")
        if near and mount != "/tmp":  # noqa: S108 - a mount path
            return str(root / value.lstrip("/"))
    return value
