"""Sets of weights in a bucket or folder, fetched once per node by the digest of their record.

<uri>/digests.json              the record that counts now: {path: sha256}, as in every model folder
<uri>/versions/<digest>.json    every record that ever counted; its digest names it
<uri>/files/<sha256>            the files of all of them

A new version never touches the files of an older one, so nodes that still serve that keep working, and going
back is publishing it again. Nothing fetched is used before each of its files is the recorded one.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from plateful.errors import ModelError, StoreError
from plateful.models.digests import DIGESTS, file_sha256, verified, verify_digests
from plateful.models.weight_files import check_file, check_name
from plateful.stores import objects
from plateful.stores.locks import exclusive
from plateful.stores.objects import StorePath
from plateful.stores.s3 import DEFAULT_OPTIONS, S3Options
from plateful.stores.s3_path import S3Path

# As long as a node with a slow network needs for the largest weights, some 25 GB.
WAIT_SECONDS = 1800.0
Told = Callable[[str], None]


@dataclass(frozen=True)
class Record:
    """The files of one set of weights; `digest` is the sha256 of `content`, its JSON."""

    digest: str
    content: bytes
    files: dict[str, str]


def publish(folder: Path, uri: str, options: S3Options = DEFAULT_OPTIONS) -> str:
    """Upload a model folder, its record last, and return the record's digest; again uploads nothing.

    Args:
        folder: verified against its digests.json.
        uri: `s3://bucket/prefix` or a folder, one per set of weights.
        options: how S3 is reached.

    Raises:
        ModelError: a file is missing, altered, unrecorded, or none that may be fetched.
        StoreError: the target refused.
    """
    target, files = objects.root_path(uri, options), verify_digests(folder)
    for path in files:
        check_file(path, folder / path)
    for path, digest in files.items():
        _send(folder / path, target / "files" / digest)
    content = (folder / DIGESTS).read_bytes()
    digest = sha256(content).hexdigest()
    objects.put_if_absent(_version(target, digest), content)
    objects.replace(target / DIGESTS, content)
    return digest


def fetch(
    uri: str,
    digest: str | None,
    cache: Path,
    options: S3Options = DEFAULT_OPTIONS,
    *,
    wait: float = WAIT_SECONDS,
) -> Path:
    """Return a local folder with a set of weights; of all processes of a node one downloads, the others wait.

    Args:
        uri: where it was published.
        digest: of its record; None = of the one that counts now.
        cache: folder of this node; the set lies in it under its digest.
        options: how S3 is reached.
        wait: seconds to wait for another process that downloads it.

    Raises:
        ModelError: nothing was published there, or a file is truncated, altered, or in a format that can run
            code; nothing of it is used then.
        StoreError: the bucket refused or did not answer, the disk is full, or the wait was too long.
    """
    folder = cache / digest if digest else None
    if folder is None or not folder.is_dir():
        record = read_record(uri, digest, options)
        folder = cache / record.digest
        if not folder.is_dir():
            with exclusive(cache / f"{record.digest}.lock", timeout=wait):
                if not folder.is_dir():
                    _download(objects.root_path(uri, options), record, folder)
    try:
        verified(folder)
    except ModelError as fault:
        raise ModelError(fault.message, fix=f"delete {folder}; it is fetched again") from fault
    return folder


def read_record(uri: str, digest: str | None = None, options: S3Options = DEFAULT_OPTIONS) -> Record:
    """Return the record of a set of weights, by default the one that counts now.

    Raises:
        ModelError: there is none, or it is not the one that its digest names.
        StoreError: the bucket refused or did not answer.
    """
    source = objects.root_path(uri, options)
    place = _version(source, digest) if digest else source / DIGESTS
    try:
        content = place.read_bytes()
    except FileNotFoundError as fault:
        raise ModelError(
            f"no weights {f'of version {digest[:12]} ' if digest else ''}in {uri}",
            fix="publish them with `plateful weights push`, or correct PLATEFUL_WEIGHTS or the catalog",
        ) from fault
    found = sha256(content).hexdigest()
    if digest not in (None, found):
        raise _broken(f"{place} is {found[:12]}, not the record that its name says")
    return Record(found, content, _files(content, place))


def _files(content: bytes, place: StorePath) -> dict[str, str]:
    try:
        files = json.loads(content)
        recorded = {str(path): str(digest) for path, digest in files.items()}
    except (ValueError, AttributeError) as fault:
        raise _broken(f"{place} is not a record of files") from fault
    for path, digest in recorded.items():
        check_name(path)
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise _broken(f"{place} records {digest!r} as the sha256 of {path}")
    return recorded


def _download(source: StorePath, record: Record, folder: Path) -> None:
    """Fill a temporary folder, then give it its name; what a killed process left is dropped first."""
    prefix = f"{objects.TEMP_PREFIX}{record.digest}"
    for left in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    temp = folder.parent / f"{prefix}-{os.getpid()}"
    try:
        for path, digest in record.files.items():
            _receive(source / "files" / digest, temp / path, path, digest)
        (temp / DIGESTS).write_bytes(record.content)
        os.replace(temp, folder)
    except OSError as fault:
        if objects.disk_is_full(fault):
            raise StoreError(
                f"no space for weights below {folder.parent}", fix="free space, or set PLATEFUL_WEIGHT_CACHE"
            ) from fault
        raise
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def _receive(source: StorePath, target: Path, path: str, digest: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if isinstance(source, S3Path):
            source.download(target)
        else:
            shutil.copyfile(str(source), target)
    except FileNotFoundError as fault:
        raise _broken(f"weight file {path!r} is recorded, but {source} is absent") from fault
    if file_sha256(target) != digest:
        raise _broken(
            f"weight file {path!r} from {source} is not the recorded one: truncated or altered",
            fix="delete it there, then publish the weights again with `plateful weights push`",
        )
    check_file(path, target)


def _send(file: Path, target: StorePath) -> None:
    if isinstance(target, S3Path):
        target.put_if_absent(file)
    else:
        objects.put_if_absent(target, file.read_bytes())


def _version(root: StorePath, digest: str) -> StorePath:
    return root / "versions" / f"{digest}.json"


def _broken(what: str, fix: str = "publish the weights again with `plateful weights push`") -> ModelError:
    return ModelError(what, fix=fix)
