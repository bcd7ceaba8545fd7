"""Shared by all tests: a micro model family, small feeds, and settings on an empty state folder."""

import csv
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from plateful.environments import Settings, load_settings
from tests.servers.fixtures import mlflow_server, postgres, postgres_database, s3, s3_prefix

__all__ = ["mlflow_server", "postgres", "postgres_database", "s3", "s3_prefix"]

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = [
    "product_id",
    "vendor_id",
    "vendor_name",
    "country",
    "name",
    "language",
    "description",
    "ingredients",
]
COLUMNS += ["image_url", "image_consent", "application", "price", "currency"]
MENU = {
    "SG": [
        ("Prawn noodle soup", "prawn | egg"),
        ("Pineapple fried rice", "pineapple"),
        ("Iced lemon tea", "lemon"),
    ],
    "DE": [("Margherita Pizza", "tomato | basil"), ("Currywurst", ""), ("Schokoladenkuchen", "")],
}


def pytest_configure() -> None:
    """Hear SIGTERM where the shell that began the tests ignores it, as jobs of an interactive one do.

    Children inherit it: Dagster's log followers, ended by SIGTERM, would keep every step waiting for 30 s.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights root with a micro random `plateful-tiny`; its pictures are noise."""
    # Imported here: it loads torch, which most tests do without.
    from tests.tiny_family import build_tiny_family

    root = tmp_path_factory.mktemp("weights")
    build_tiny_family(root / "plateful-tiny")
    return root


def feed_rows(menu: dict[str, list[tuple[str, str]]] = MENU) -> list[dict[str, str]]:
    """Feed rows of a menu: country -> (name, ingredients)."""
    return [
        {
            **dict.fromkeys(COLUMNS, ""),
            "product_id": f"{country.lower()}-{number}",
            "vendor_id": f"v-{country.lower()}",
            "country": country,
            "name": name,
            "language": "en",
            "ingredients": ingredients,
            "price": "5.50",
        }
        for country, dishes in menu.items()
        for number, (name, ingredients) in enumerate(dishes)
    ]


def write_feed(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows as a CSV feed."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """Feed file of two countries, three products each, none with a picture."""
    return write_feed(tmp_path / "feed.csv", feed_rows())


@pytest.fixture
def settings(
    tmp_path: Path, feed: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Settings on an empty state folder, also in the environment for child processes."""
    for name, value in {
        "HOME": tmp_path / "state",
        "FEED": feed,
        "WEIGHTS": weights,
        "CLIP": weights / "plateful-tiny" / "clip",
        "CANDIDATES": 2,
    }.items():
        monkeypatch.setenv(f"PLATEFUL_{name}", str(value))
    return load_settings()
