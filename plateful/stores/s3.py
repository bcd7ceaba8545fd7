"""The connection to S3: options, one client per process, and its errors in words of ours.

Credentials are AWS's own affair: its environment variables, a mounted file, or the role of the pod.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from plateful.errors import ConfigError, StoreAccessError, StoreError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

ENCRYPTIONS = ("AES256", "aws:kms")
CONNECT_SECONDS = 5.0
# Threads of a process that put pictures at once; a thread without a connection would wait for one.
CONNECTIONS = 32
_ABSENT = ("404", "NoSuchKey", "NotFound")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired")
_REFUSED = (
    "AccessDenied", "403", "Forbidden", "401", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken",
    "AccountProblem", "AllAccessDisabled", "KMS.DisabledException", "KMS.AccessDeniedException",
)  # fmt: skip


@dataclass(frozen=True)
class S3Options:
    """How S3 is reached and how objects are stored there; hashable, so that clients are shared.

    Attributes:
        endpoint: address of the service; None = AWS's own for the region.
        region: e.g. `eu-central-1`; None = AWS_DEFAULT_REGION.
        sse: server-side encryption, `AES256` or `aws:kms`; None = the bucket's own default.
        kms_key: key id or ARN for `aws:kms`; None = the account's default key.
        attempts: tries of one request; the waits between them double, up to 20 s each.
        timeout: seconds without a byte after which a request is tried again.
    """

    endpoint: str | None = None
    region: str | None = None
    sse: str | None = None
    kms_key: str | None = None
    attempts: int = 8
    timeout: float = 30.0

    def __post_init__(self) -> None:
        if self.sse not in (None, *ENCRYPTIONS):
            raise ConfigError(
                f"server-side encryption {self.sse!r} does not exist", fix=f"use one of {ENCRYPTIONS}"
            )
        if self.kms_key and self.sse != "aws:kms":
            raise ConfigError(
                f"KMS key {self.kms_key!r} is named, but encryption is {self.sse!r}",
                fix="set the encryption to aws:kms, or name no key",
            )

    @property
    def encryption(self) -> dict[str, str]:
        """The arguments of every request that creates an object."""
        named = {"ServerSideEncryption": self.sse, "SSEKMSKeyId": self.kms_key}
        return {name: value for name, value in named.items() if value}


DEFAULT_OPTIONS = S3Options()


@lru_cache(maxsize=8)
def client(options: S3Options) -> Any:  # noqa: ANN401 - boto3 has no types
    """Return the process's client for these options; threads may share it."""
    from boto3.session import Session
    from botocore.config import Config

    # Services other than AWS seldom answer to <bucket>.<host>.
    addressing = {"addressing_style": "path"} if options.endpoint else None
    config = Config(
        retries={"mode": "standard", "total_max_attempts": options.attempts},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=options.timeout,
        max_pool_connections=CONNECTIONS,
        s3=addressing,
    )
    with explained("the AWS settings", options):
        session = Session(region_name=options.region)
        return session.client("s3", endpoint_url=options.endpoint, config=config)


# Parent and child would read each other's answers from the connections that a fork copies.
os.register_at_fork(after_in_child=client.cache_clear)


@contextmanager
def explained(what: object, options: S3Options) -> Iterator[None]:
    """Turn AWS's errors into ours; an absent object is a FileNotFoundError, as on a disk.

    Args:
        what: the object or bucket, for messages.
        options: the client's.

    Raises:
        StoreAccessError: credentials are absent, expired or refused.
        StoreError: the bucket is absent, or the service did not answer in all attempts.
    """
    from boto3.exceptions import Boto3Error
    from botocore import exceptions as aws
    from urllib3.exceptions import HTTPError

    try:
        yield
    except aws.ClientError as fault:
        raise _refusal(what, fault) from fault
    except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError) as fault:
        raise StoreAccessError(
            f"no AWS credentials for {what}: {fault}",
            fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the pod a role that may use it",
        ) from fault
    except (aws.ConnectionError, aws.HTTPClientError, aws.IncompleteReadError, HTTPError) as fault:
        raise StoreError(
            f"{what}: {options.endpoint or 'S3'} did not answer in {options.attempts} attempts: {fault}",
            fix="check the network and the S3 endpoint, then run again; what is stored is kept",
        ) from fault
    except (aws.BotoCoreError, Boto3Error) as fault:
        raise StoreError(
            f"{what}: {fault}", fix="correct the S3 endpoint, the region or the AWS profile"
        ) from fault


def code_of(fault: "ClientError") -> str:
    """Return S3's own name of an error, e.g. `PreconditionFailed`, or its HTTP status."""
    return str(fault.response.get("Error", {}).get("Code", ""))


def was_repeated(fault: "ClientError") -> bool:
    """Return whether the refused request had been sent before, so that the first may have been done."""
    return bool(fault.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def _refusal(what: object, fault: "ClientError") -> Exception:
    code = code_of(fault)
    if code in _ABSENT:
        return FileNotFoundError(errno.ENOENT, "no such object", str(what))
    told = f"{what}: {code}: {fault.response.get('Error', {}).get('Message', '')}".rstrip(": ")
    if code in _EXPIRED:
        return StoreAccessError(
            f"AWS credentials have expired for {told}",
            fix="renew them, then run again; what is stored is kept",
        )
    if code in _REFUSED:
        return StoreAccessError(
            f"S3 refuses {told}",
            fix="check the credentials, the bucket's policy and, with aws:kms, the use of its key",
        )
    if code == "NoSuchBucket":
        return StoreError(f"no such bucket: {told}", fix="create it, or correct the address of the store")
    attempts = 1 + fault.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
    return StoreError(
        f"S3 failed {told} ({attempts} attempts)", fix="run again later; what is stored is kept"
    )
