"""Where sets of weights are looked for by name: below a local folder, or below a prefix in a bucket."""

from dataclasses import dataclass
from pathlib import Path

from plateful.models.weight_store import fetch
from plateful.stores.s3 import DEFAULT_OPTIONS, S3Options


@dataclass(frozen=True)
class RemoteWeights:
    """Sets of weights in a bucket, one prefix each, and this node's folder of fetched ones.

    Args:
        address: `s3://bucket/prefix`, below which `<name>/` is a set.
        cache: local folder.
        options: how S3 is reached.
    """

    address: str
    cache: Path
    options: S3Options = DEFAULT_OPTIONS


WeightRoot = Path | RemoteWeights


def weight_root(
    address: str, cache: Path | str | None = None, options: S3Options = DEFAULT_OPTIONS
) -> WeightRoot:
    """Return the root behind an address: `s3://bucket/prefix` with its cache, or a local folder."""
    if "://" in address:
        return RemoteWeights(address.rstrip("/"), Path(cache or "."), options)
    return Path(address)


def weight_folder(root: WeightRoot, name: str, digest: str | None = None, address: str | None = None) -> Path:
    """Return the local folder of a set of weights, fetched if it has to be; it may be absent locally.

    Args:
        root: where sets are.
        name: of the set.
        digest: of its record, when it is pinned.
        address: where this set is in a bucket, when that is not below the root.

    Raises:
        ModelError, StoreError: it cannot be fetched; see `fetch`.
    """
    if isinstance(root, Path):
        return root / name
    return fetch(weight_place(root, name, address), digest, root.cache, root.options)


def weight_place(root: WeightRoot, name: str, address: str | None = None) -> str:
    """Return where a set of weights comes from; arguments as `weight_folder`."""
    return str(root / name) if isinstance(root, Path) else address or f"{root.address}/{name}"


def part_folder(address: str, cache: Path | str | None = None, options: S3Options = DEFAULT_OPTIONS) -> Path:
    """Return the local folder of one part of a set, e.g. `s3://bucket/prefix/plateful-tiny/clip`.

    Raises:
        ModelError, StoreError: its set cannot be fetched; see `fetch`.
    """
    if "://" not in address:
        return Path(address)
    whole, _, part = address.rstrip("/").rpartition("/")
    return fetch(whole, None, Path(cache or "."), options) / part
