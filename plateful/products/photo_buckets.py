"""Vendor photos in S3: read from the buckets that this installation names, and from no others.

A feed is written by strangers, and our own role may read more than they may show, our lake first of all.
"""

from dataclasses import dataclass

from plateful.errors import StoreAccessError, StoreError
from plateful.products.urls import MAX_BYTES, UrlProblem, parse_url
from plateful.stores.s3 import DEFAULT_OPTIONS, S3Options
from plateful.stores.s3_path import S3Path


@dataclass(frozen=True)
class PhotoBuckets:
    """Buckets whose pictures a feed may name.

    Attributes:
        names: of the buckets.
        options: how S3 is reached.
        max_bytes: largest object that is read.
    """

    names: frozenset[str] = frozenset()
    options: S3Options = DEFAULT_OPTIONS
    max_bytes: int = MAX_BYTES

    def fetch(self, text: str) -> bytes | UrlProblem:
        """Read one picture.

        Args:
            text: s3 address.

        Returns:
            The object, else a problem: `unsafe_url`, `not_fetched` (a bucket that is not named), `http_404`,
            `http_403`, `unreachable`, `too_large`.
        """
        url = parse_url(text)
        if isinstance(url, UrlProblem):
            return url
        if url.host not in self.names:
            return UrlProblem("not_fetched", f"bucket {url.host} is not in PLATEFUL_PHOTO_BUCKETS")
        # As written: a key may hold what stands for something else in a web address.
        key = text.partition("//")[2].partition("/")[2]
        try:
            content = S3Path(url.host, key, self.options).read_start(self.max_bytes + 1)
        except FileNotFoundError:
            return UrlProblem("http_404", "there is no such object")
        except StoreAccessError as fault:
            # Also what S3 says of an absent object to those who may not list the bucket.
            return UrlProblem("http_403", fault.message)
        except StoreError as fault:
            return UrlProblem("unreachable", fault.message)
        if len(content) > self.max_bytes:
            return UrlProblem("too_large", f"is larger than {self.max_bytes:,} bytes")
        return content
