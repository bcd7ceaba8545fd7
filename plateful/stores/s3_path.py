"""A place in S3 with the few operations of a path that stores need, on one client.

No listing is cached, so a reader sees what another process wrote. One PUT, or the completion of a multipart
upload, makes an object appear whole; `If-None-Match: *` lets exactly one of several writers make it.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plateful.errors import StoreError
from plateful.stores import s3, s3_upload
from plateful.stores.s3 import DEFAULT_OPTIONS, S3Options
from plateful.stores.s3_upload import PART_BYTES

# Another write of the same key was under way at that moment.
_CONFLICT, _EXISTS = "ConditionalRequestConflict", "PreconditionFailed"
# What a repeated write is told when the first one was done and only its reply was lost.
_DONE = (_EXISTS, "NoSuchUpload")
_CONFLICTS = 6
# A body that breaks off is read again; the client itself repeats only what fails before the first byte.
_READS = 4


@dataclass(frozen=True)
class S3Path:
    """`s3://<bucket>/<key>`, an object or what lies below a prefix.

    Args:
        bucket: its name.
        key: without slashes at its ends; empty = the whole bucket.
        options: how it is reached.
    """

    bucket: str
    key: str = ""
    options: S3Options = DEFAULT_OPTIONS

    @classmethod
    def of(cls, address: str, options: S3Options = DEFAULT_OPTIONS) -> "S3Path":
        """Return the place of an `s3://bucket/prefix`.

        Raises:
            StoreError: not such an address.
        """
        bucket, _, key = address.removeprefix("s3://").partition("/")
        if not address.startswith("s3://") or not bucket:
            raise StoreError(f"{address!r} is no place in S3", fix="write s3://bucket/prefix")
        return cls(bucket, key.strip("/"), options)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}".rstrip("/")

    def __truediv__(self, name: str) -> "S3Path":
        return self.joinpath(name)

    def joinpath(self, *names: str) -> "S3Path":
        """Return the place of that name below this one."""
        return S3Path(self.bucket, "/".join(filter(None, (self.key, *names))), self.options)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The last part of the key without its suffix."""
        return self.name.rpartition(".")[0] or self.name

    # -- reading

    def exists(self) -> bool:
        """Return whether there is an object here, or anything below."""
        return self.is_object() or bool(self._page(MaxKeys=1, Prefix=self._below).get("Contents"))

    def is_object(self) -> bool:
        """Return whether there is an object here; one request."""
        return self._head() is not None

    def read_bytes(self) -> bytes:
        """Return the object's bytes.

        Raises:
            FileNotFoundError: there is none.
            StoreError: S3 refused or did not answer.
        """
        return self._read({})

    def read_start(self, most: int) -> bytes:
        """Return the object's first bytes, at most so many; see `read_bytes`."""
        from botocore.exceptions import ClientError

        try:
            return self._read({"Range": f"bytes=0-{most - 1}"})
        except StoreError as fault:
            cause = fault.__cause__
            # Of no bytes there is no first one.
            if isinstance(cause, ClientError) and s3.code_of(cause) == "InvalidRange":
                return b""
            raise

    def _read(self, which: dict[str, str]) -> bytes:
        from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

        with s3.explained(self, self.options):
            for left in reversed(range(_READS)):
                body = self._client.get_object(**self._place, **which)["Body"]
                try:
                    return body.read()
                except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                    if not left:
                        raise
        raise AssertionError("the last read returns or raises")

    def read_text(self) -> str:
        """Return the object's bytes as UTF-8."""
        return self.read_bytes().decode()

    def download(self, target: Path) -> None:
        """Write the object to a local file, in parts at once where it is large.

        Raises:
            FileNotFoundError: there is none.
            StoreError: S3 refused or did not answer.
        """
        with s3.explained(self, self.options):
            self._client.download_file(self.bucket, self.key, str(target))

    def iterdir(self) -> Iterator["S3Path"]:
        """Return what lies directly below, objects and prefixes alike; nothing when there is nothing."""
        for page in self._pages(Delimiter="/"):
            found = [each["Prefix"] for each in page.get("CommonPrefixes", ())]
            found += [each["Key"] for each in page.get("Contents", ())]
            for key in found:
                if key != self._below:
                    yield S3Path(self.bucket, key.rstrip("/"), self.options)

    def stamps(self) -> dict[str, str]:
        """Return, for every object below at any depth, its path and what changes with its content."""
        return {
            each["Key"].removeprefix(self._below): f"{each['LastModified']} {each['ETag']}"
            for page in self._pages()
            for each in page.get("Contents", ())
        }

    # -- writing

    def write_bytes(self, content: bytes) -> None:
        """Put an object, in the place of the one that is there.

        Raises:
            StoreError: S3 refused or did not answer; the old object is then still there, or the new one is.
        """
        self._put(content, {})

    def put_if_absent(self, content: bytes | Path, *, sleep: Callable[[float], None] = time.sleep) -> bool:
        """Put an object unless there is one; of any number of racing writers exactly one gets True.

        Args:
            content: bytes, or a file that is read part by part.
            sleep: waits that many seconds while another write of the same key is under way.

        Raises:
            StoreError: S3 refused or did not answer.
        """
        # Small ones are refused before they are sent; of large ones that would be known at the end.
        if s3_upload.size_of(content) > PART_BYTES and self.is_object():
            return False
        return self._put(content, {"IfNoneMatch": "*"}, sleep)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object; `missing_ok` = False costs a request more.

        Raises:
            FileNotFoundError: there is none and `missing_ok` is False.
            StoreError: S3 refused or did not answer.
        """
        if not missing_ok and not self.is_object():
            raise FileNotFoundError(str(self))
        with s3.explained(self, self.options):
            self._client.delete_object(**self._place)

    def _put(
        self, content: bytes | Path, condition: dict[str, str], sleep: Callable[[float], None] = time.sleep
    ) -> bool:
        from botocore.exceptions import ClientError

        # By this name a writer whose reply was lost finds that the object is its own.
        writer = uuid.uuid4().hex
        how = {"Metadata": {"writer": writer}, **self.options.encryption}
        with s3.explained(self, self.options):
            for attempt in range(1, _CONFLICTS + 1):
                try:
                    s3_upload.send(self._client, self._place, content, how, condition)
                    return True
                except ClientError as fault:
                    code = s3.code_of(fault)
                    if code in _DONE and s3.was_repeated(fault) and self._is_by(writer):
                        return True
                    if code == _EXISTS:
                        return False
                    if code != _CONFLICT or attempt == _CONFLICTS:
                        raise
                sleep(0.05 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _is_by(self, writer: str) -> bool:
        head = self._head()
        return head is not None and head.get("Metadata", {}).get("writer") == writer

    def _head(self) -> dict[str, Any] | None:
        if not self.key:
            return None
        try:
            with s3.explained(self, self.options):
                return self._client.head_object(**self._place)
        except FileNotFoundError:
            return None

    def _pages(self, **query: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - the request's own arguments
        token: dict[str, str] = {}
        while True:
            page = self._page(Prefix=self._below, **query, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _page(self, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - the request's own arguments
        with s3.explained(self, self.options):
            return self._client.list_objects_v2(Bucket=self.bucket, **query)

    @property
    def _below(self) -> str:
        return f"{self.key}/" if self.key else ""

    @property
    def _place(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key}

    @property
    def _client(self) -> Any:  # noqa: ANN401 - boto3 has no types
        return s3.client(self.options)
