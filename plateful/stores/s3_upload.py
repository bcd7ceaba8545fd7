"""Sending one object to S3: small ones whole, large ones in parts that appear together."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
# S3 wants parts of 5 MiB or more and takes up to 10,000 of them: 156 GiB an object.
PART_BYTES = 16 * MIB


def size_of(content: bytes | Path) -> int:
    """Return how many bytes there are."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def send(
    client: Any,  # noqa: ANN401 - boto3 has no types
    place: Mapping[str, str],
    content: bytes | Path,
    how: Mapping[str, Any],
    condition: Mapping[str, str],
) -> None:
    """Put an object.

    Args:
        client: boto3's S3 client.
        place: bucket and key.
        content: bytes, or a file that is read part by part.
        how: metadata and encryption.
        condition: what must hold when the object appears.
    """
    if size_of(content) > PART_BYTES:
        _send_parts(client, place, content, how, condition)
        return
    body = content if isinstance(content, bytes) else content.read_bytes()
    client.put_object(**place, Body=body, **how, **condition)


def _send_parts(
    client: Any,  # noqa: ANN401
    place: Mapping[str, str],
    content: bytes | Path,
    how: Mapping[str, Any],
    condition: Mapping[str, str],
) -> None:
    started = client.create_multipart_upload(**place, ChecksumAlgorithm="CRC32", **how)
    upload = {**place, "UploadId": started["UploadId"]}
    try:
        parts = [_send_part(client, upload, *part) for part in enumerate(_parts(content), 1)]
        client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)
    except BaseException:
        # Parts cost money until they are dropped; of a killed process the bucket's lifecycle drops them.
        _abort(client, upload)
        raise


def _parts(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield from (content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES))
        return
    with content.open("rb") as file:
        while part := file.read(PART_BYTES):
            yield part


def _send_part(client: Any, upload: Mapping[str, str], number: int, content: bytes) -> dict[str, Any]:  # noqa: ANN401
    done = client.upload_part(**upload, PartNumber=number, Body=content, ChecksumAlgorithm="CRC32")
    sums = {"ChecksumCRC32": done["ChecksumCRC32"]} if "ChecksumCRC32" in done else {}
    return {"PartNumber": number, "ETag": done["ETag"], **sums}


def _abort(client: Any, upload: Mapping[str, str]) -> None:  # noqa: ANN401
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client.abort_multipart_upload(**upload)
    except (BotoCoreError, ClientError):
        return  # the fault that led here is the one to tell
