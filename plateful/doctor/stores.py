"""The stores: each is written, read and cleaned up as a run would do it, with no trace left."""

import uuid
from pathlib import Path
from typing import Any

from plateful.doctor.findings import Result, ok, warn
from plateful.doctor.services import check_mlflow_answers
from plateful.environments import (
    Environment,
    Settings,
    ledger_at,
    open_bucket,
    open_feed,
    open_lake,
    open_tracking,
    open_warehouse,
)
from plateful.errors import StoreError
from plateful.stores import objects


def check_feed(settings: Settings) -> Result:
    """Read which countries the feed has."""
    feed = open_feed(settings.feed)
    countries = feed.countries()
    if not countries:
        return warn(f"{feed.path}: no row has a valid country", "see rejects: plateful run says why")
    rows = sum(feed.rows_in(country) for country in countries)
    return ok(f"{feed.path}: {rows} rows, {len(countries)} countries")


def check_lake(settings: Settings) -> Result:
    """Write, read and delete an object of the lake."""
    _probe(open_lake(settings).root)
    return ok(f"{settings.lake}: written, read, deleted")


def check_bucket(settings: Settings) -> Result:
    """Write, read and delete an object of the bucket."""
    _probe(open_bucket(settings).root)
    if settings.public_url is None and settings.env is Environment.PRODUCTION:
        return warn(
            f"{settings.bucket}: written, read, deleted; published URLs will be s3:// addresses",
            "set PLATEFUL_PUBLIC_URL to where the bucket is served",
        )
    return ok(f"{settings.bucket}: written, read, deleted")


def _probe(root: Any) -> None:  # noqa: ANN401 - a local path or one in S3
    path, content = objects.inside(root, f"probes/{uuid.uuid4().hex}"), b"plateful doctor"
    try:
        written = objects.put_if_absent(path, content)
        if not written or objects.read(path) != content:
            raise StoreError(f"{path} does not hold what was written", fix="use a store that is consistent")
        if objects.put_if_absent(path, b"again"):
            raise StoreError(
                f"{root} does not honour put-if-absent",
                fix="use a store with conditional writes (If-None-Match)",
            )
    finally:
        path.unlink(missing_ok=True)


def check_ledger(settings: Settings) -> Result:
    """Compare the ledger's schema with this version's."""
    file = Path(settings.ledger.removeprefix("sqlite:///"))
    if settings.env is Environment.LOCAL and not file.exists():
        return warn(f"{file} is not there yet", "nothing to do: the first run makes it")
    current, newest = ledger_at(settings.ledger).revisions()
    if current == newest:
        return ok(f"{settings.ledger}: schema {current}")
    return warn(
        f"{settings.ledger}: schema {current or 'none yet'}, this version has {newest}",
        "nothing to do: the first run brings it up to date; a newer one needs a newer Plateful",
    )


def check_warehouse(settings: Settings) -> Result:
    """Merge no row into published_images: the role may, and the table is there."""
    return ok(f"{open_warehouse(settings).probe()}: read and merged into")


def check_tracking(settings: Settings) -> Result:
    """Ask MLflow for one experiment."""
    file = Path(settings.tracking.removeprefix("sqlite:///"))
    if settings.env is Environment.LOCAL and not file.exists():
        return warn(f"{file} is not there yet", "nothing to do: the first evaluation makes it")
    if settings.env is Environment.PRODUCTION:
        # Its client tries for minutes before it says that nobody is there.
        check_mlflow_answers(settings.tracking)
    open_tracking(settings).probe()
    return ok(f"{settings.tracking}: experiments can be read")
