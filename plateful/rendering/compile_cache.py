"""Compiled kernels in the lake: built once per model version, kind of device and torch, loaded by every pod.

compile-cache/<key>.json           {"key", "sha256", "bytes", "signature"}
compile-cache/<sha256>.bin         what torch.compiler.save_cache_artifacts returns

A compile cache is code: torch unpickles its entries and runs their kernels. So an index is signed
(HMAC-SHA256 with a secret of the installation's own), and nothing is handed to torch unless signature and
digest are right. Whoever can write to the bucket without the secret can stop a render, and run nothing.
"""

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass

from plateful.errors import ConfigError, ModelError
from plateful.identity import canonical_json, content_hash
from plateful.models.capabilities import Choice
from plateful.models.versions import ModelVersion
from plateful.stores.lake import Lake

FOLDER = "compile-cache"
# Bytes of a signing key below which it can be guessed.
SHORTEST_SECRET = 32


@dataclass(frozen=True)
class CacheKey:
    """What compiled code depends on; another value of any is another cache.

    Attributes:
        model_version: digest of weights and profile (batch, precision, cached layers).
        device: name and capability of the device, e.g. `NVIDIA L4, 8.9`.
        torch: its version, with the CUDA it was built for.
        sizes: picture sizes that were compiled for, as the catalog lists them.
    """

    model_version: str
    device: str
    torch: str
    sizes: tuple[str, ...]

    @property
    def index(self) -> str:
        """Path of its index in the lake."""
        return f"{FOLDER}/{content_hash(asdict(self))}.json"


def sizes_of(version: ModelVersion) -> tuple[str, ...]:
    """Return the sizes that a model's catalog entry lists; its profile's own size where it takes any."""
    _, profile = version.own
    listed = version.entry.capabilities_of(profile.name).get("size")
    sizes = listed.values if isinstance(listed, Choice) else (profile.size,)
    return tuple(str(size) for size in sizes)


def store(key: CacheKey, artifacts: bytes, lake: Lake, secret: str) -> bool:
    """Write a cache and then its index, unless there is one; return whether this call wrote the index.

    Raises:
        ConfigError: the secret is too short.
        StoreError: the lake refuses.
    """
    digest = hashlib.sha256(artifacts).hexdigest()
    lake.put_object(f"{FOLDER}/{digest}.bin", artifacts)
    entry = {"key": asdict(key), "sha256": digest, "bytes": len(artifacts)}
    signed = {**entry, "signature": _signature(entry, secret)}
    return lake.put_object(key.index, canonical_json(signed).encode())


def fetch(key: CacheKey, lake: Lake, secret: str) -> bytes | None:
    """Return a cache's artifacts, verified; None when none was built for this key.

    Raises:
        ConfigError: the secret is too short.
        ModelError: index or artifacts are not what was signed.
        StoreError: the lake refuses, or has lost the artifacts.
    """
    if not lake.has_object(key.index):
        return None
    entry = _verified(key, lake.get_object(key.index), secret)
    artifacts = lake.get_object(f"{FOLDER}/{entry['sha256']}.bin")
    found = hashlib.sha256(artifacts).hexdigest()
    if found != entry["sha256"]:
        raise ModelError(
            f"compile cache {key.index}: its artifacts are {found[:12]} ({len(artifacts)} bytes), "
            f"the index says {entry['sha256'][:12]} ({entry['bytes']} bytes)",
            fix=f"delete {FOLDER}/{entry['sha256']}.bin and the index, and build the cache again",
        )
    return artifacts


def _verified(key: CacheKey, content: bytes, secret: str) -> dict:
    try:
        entry = json.loads(content)
        signature = entry.pop("signature")
        genuine = hmac.compare_digest(str(signature), _signature(entry, secret))
    except (ValueError, KeyError, TypeError, AttributeError):
        genuine, entry = False, {}
    if not genuine or canonical_json(entry["key"]) != canonical_json(asdict(key)):
        raise ModelError(
            f"compile cache {key.index} is not signed with this installation's key",
            fix="find out who wrote it, delete it, and run `plateful compile-cache build`",
        )
    return entry


def _signature(entry: dict, secret: str) -> str:
    if len(secret.encode()) < SHORTEST_SECRET:
        raise ConfigError(
            f"PLATEFUL_COMPILE_CACHE_KEY has {len(secret.encode())} bytes",
            fix=f"use {SHORTEST_SECRET} or more, e.g. from `openssl rand -hex 32`",
        )
    return hmac.new(secret.encode(), canonical_json(entry).encode(), hashlib.sha256).hexdigest()
