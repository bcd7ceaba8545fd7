"""`plateful review` on pictures of the shipped model: a person's word is published, or takes off."""

import os
import shutil
from pathlib import Path
from urllib.parse import urlparse

import pytest

from cli.mainjob import run_countries
from plateful.environments import Settings, load_settings, open_adapters
from tests.cli.conftest import Plateful
from tests.conftest import feed_rows, write_feed

# What these say beside the dish cannot be proven, so the policy leaves them to a person.
DISHES = [
    ("Grandmother's Noodle Soup", ""),
    ("Margherita Pizza of the Moon", ""),
    ("Fried Rice Zanzibar Nights", ""),
    ("Chocolate Cake Quux", ""),
    ("Iced Lemon Tea Frobnicate", ""),
    ("Caesar Salad Xyzzy", ""),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a feed and the state after one run of it."""
    folder = tmp_path_factory.mktemp("made")
    write_feed(folder / "feed.csv", feed_rows({"SG": DISHES}))
    run_countries(Settings(home=folder / "state", feed=str(folder / "feed.csv")), ["SG"])
    return folder


@pytest.fixture
def state(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings on a copy of that state."""
    shutil.copytree(made / "state", tmp_path / "state")
    monkeypatch.setenv("PLATEFUL_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PLATEFUL_FEED", str(made / "feed.csv"))
    monkeypatch.setenv("USER", os.environ.get("USER", "ana"))
    return load_settings()


def _live(settings: Settings) -> dict[str, str]:
    published = open_adapters(settings).warehouse.published("SG")
    return {
        row["candidate_id"]: row["url"] for row in published.iter_rows(named=True) if row["status"] == "live"
    }


def test_approving_publishes_and_revising_takes_off(state: Settings, plateful: Plateful) -> None:
    before = _live(state)
    waiting = plateful("review", "list", "--country", "sg", "--json").json
    assert len(waiting) >= 2
    chosen = waiting[0]["candidate_id"]
    assert chosen not in before
    assert waiting[0]["name"] in plateful("review", "list", "--country", "SG").out

    shown = plateful("review", "show", chosen[:12], "--country", "SG", "--json").json
    assert shown["acceptance"]["accepted"] is True
    assert Path(shown["picture"]).is_file()
    assert chosen in plateful("review", "show", chosen[:12], "--country", "SG").out

    assert plateful("review", "approve", chosen[:12], "--country", "SG", "--by", "ana").status == 0
    live = _live(state)
    assert live.keys() == before.keys() | {chosen}
    assert Path(urlparse(live[chosen]).path).read_bytes()[8:12] == b"WEBP"
    assert chosen not in {
        item["candidate_id"] for item in plateful("review", "list", "--country", "SG", "--json").json
    }

    again = plateful("review", "approve", chosen, "--country", "SG", "--by", "bo")
    assert (again.status, "already approved by ana" in again.err) == (2, True)

    words = ["--by", "bo", "--reason", "a spoon is in it", "--revise"]
    assert plateful("review", "reject", chosen, "--country", "SG", *words).status == 0
    assert _live(state) == before
    retired = open_adapters(state).warehouse.published("SG").filter(candidate_id=chosen)
    assert retired["status"].to_list() == ["retired"]


def test_a_decision_may_wait_for_the_sensor(state: Settings, plateful: Plateful) -> None:
    before = _live(state)
    chosen = plateful("review", "list", "--country", "SG", "--json").json[0]["candidate_id"]
    plateful("review", "approve", chosen, "--country", "SG", "--by", "ana", "--no-publish")
    assert _live(state) == before
    assert open_adapters(state).ledger.decisions("SG")[0].candidate_id == chosen


def test_a_rejection_without_a_reason_is_a_usage_error(state: Settings, plateful: Plateful) -> None:
    chosen = plateful("review", "list", "--country", "SG", "--json").json[0]["candidate_id"]
    done = plateful("review", "reject", chosen, "--country", "SG", "--by", "ana")
    assert (done.status, "--reason" in done.err) == (2, True)
    assert open_adapters(state).ledger.decisions("SG") == []


@pytest.mark.usefixtures("state")
def test_an_unknown_candidate_is_named(plateful: Plateful) -> None:
    for arguments in (("show", "0" * 64), ("approve", "0" * 64, "--by", "ana")):
        done = plateful("review", *arguments, "--country", "SG")
        assert (done.status, "is not in SG" in done.err) == (2, True)
