"""The public object store: what is put here is what people see under a URL."""

from pathlib import Path
from urllib.parse import quote

from plateful.stores import objects
from plateful.stores.s3 import DEFAULT_OPTIONS, S3Options


class Bucket:
    """Published objects below one root.

    Args:
        root: a local folder, or `s3://bucket/prefix`.
        base_url: where the root is served, e.g. `https://img.example.com`; None gives the objects' own
            addresses (file:// or s3://).
        options: how S3 is reached.
    """

    def __init__(self, root: str, base_url: str | None = None, options: S3Options = DEFAULT_OPTIONS) -> None:
        self.root = objects.root_path(root, options)
        self.base_url = base_url

    def put(self, path: str, content: bytes) -> bool:
        """Store an object unless it is there; return whether this call wrote it.

        Raises:
            StoreError: a path that leaves the bucket, or disk full.
        """
        return objects.put_if_absent(objects.inside(self.root, path), content)

    def get(self, path: str) -> bytes:
        """Return an object's bytes.

        Raises:
            StoreError: there is none.
        """
        return objects.read(objects.inside(self.root, path))

    def url(self, path: str) -> str:
        """Return the public address of an object."""
        target = objects.inside(self.root, path)
        if self.base_url is not None:
            return f"{self.base_url.rstrip('/')}/{quote(path)}"
        return Path(target).as_uri() if isinstance(target, Path) else str(target)
