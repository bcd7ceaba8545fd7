"""backfill, regenerate, replay and quarantine, as commands."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from plateful.environments import Settings, load_settings, open_adapters
from tests.cli.conftest import Plateful
from tests.plateful.stores.rows import frame


def test_backfill_runs_each_country_once(settings: Settings, plateful: Plateful) -> None:
    summary = plateful("backfill", "--countries", "sg,DE", "--json").json
    assert sorted(summary["countries"]) == ["DE", "SG"]
    assert summary["total"]["rendered_now"] == 12
    again = plateful("backfill", "--countries", "all", "--json").json
    assert sorted(again["countries"]) == ["DE", "SG"]
    assert again["total"]["rendered_now"] == 0
    assert open_adapters(settings).lake.partitions("published_images") == ["DE", "SG"]


def test_backfill_of_an_unknown_country_runs_none(settings: Settings, plateful: Plateful) -> None:
    done = plateful("backfill", "--countries", "SG,QQ")
    assert (done.status, "'QQ' is unknown" in done.err) == (2, True)
    assert not open_adapters(settings).lake.has_table("products", "SG")


def test_a_country_that_fails_does_not_stop_the_next(
    settings: Settings, plateful: Plateful, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATEFUL_LEASE_WAIT", "0")
    open_adapters(settings).ledger.acquire_lease("DE", "another run", timedelta(minutes=10))
    done = plateful("run", "--country", "DE", "--country", "SG", "--json")
    assert done.status == 2 and "DE" in done.err and "another run" in done.err
    summary = json.loads(done.out)
    assert list(summary["countries"]) == ["SG"]
    assert summary["total"]["rendered_now"] == 6


def test_a_backfill_of_nothing_is_an_error(settings: Settings, plateful: Plateful) -> None:  # noqa: ARG001
    done = plateful("backfill", "--countries", " , ")
    assert (done.status, "names none" in done.err) == (2, True)


def test_regenerating_renders_one_product_anew(
    settings: Settings, plateful: Plateful, monkeypatch: pytest.MonkeyPatch
) -> None:
    plateful("run", "--country", "SG")
    before = open_adapters(settings).lake.read_table("generated_candidates", "SG")
    asked = plateful("regenerate", "--country", "SG", "--product", "sg-1", "--by", "ana")
    assert "generation 1" in asked.out
    assert plateful("run", "--country", "SG", "--json").json["total"]["rendered_now"] == 2
    after = open_adapters(settings).lake.read_table("generated_candidates", "SG")
    new = after.filter(~after["candidate_id"].is_in(before["candidate_id"].to_list()))
    assert new["subject"].to_list() == ["sg-1", "sg-1"]
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert "generation 2" in plateful("regenerate", "--country", "SG", "--product", "sg-1").out
    unknown = plateful("regenerate", "--country", "SG", "--product", "nothing", "--by", "ana")
    assert (unknown.status, "'nothing'" in unknown.err) == (2, True)


@pytest.mark.usefixtures("settings")
def test_regenerating_the_lead_of_a_group_means_the_group(settings: Settings, plateful: Plateful) -> None:
    stores = open_adapters(settings)
    stores.lake.write_table(
        "products_without_images", frame("products_without_images", {"product_id": "p1"}), "SG"
    )
    group = {"subject": "group-1", "product_ids": ["p1", "p2"]}
    stores.lake.write_table("prompts", frame("prompts", group), "SG")
    assert plateful("regenerate", "--country", "SG", "--product", "p1").status == 0
    assert stores.ledger.generations("SG") == {"group-1": 1}


def test_a_replay_has_the_same_pixels(plateful: Plateful) -> None:
    plateful("run", "--country", "SG")
    candidate = open_adapters(load_settings()).lake.read_table("generated_candidates", "SG")["candidate_id"][
        0
    ]
    done = plateful("replay", candidate[:12], "--country", "SG")
    assert (done.status, done.out.startswith("identical")) == (0, True)
    unknown = plateful("replay", "f" * 64, "--country", "SG")
    assert (unknown.status, "is not among the rendered ones of SG" in unknown.err) == (2, True)


def test_a_quarantined_request_is_listed_and_tried_again(
    settings: Settings, plateful: Plateful, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plateful("run", "--country", "SG")
    candidates = open_adapters(settings).lake.read_table("generated_candidates", "SG").filter(subject="sg-0")
    # Another state, in which a crash left half of both pictures of one request.
    monkeypatch.setenv("PLATEFUL_HOME", str(tmp_path / "other"))
    other = open_adapters(load_settings()).lake
    broken = [Path(other.image_path(key)) for key in candidates["candidate_id"]]
    for path in broken:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\x89PNG\r\n\x1a\nhalf of a picture")
    hurt = plateful("run", "--country", "SG", "--json").json["total"]
    assert (hurt["quarantined"], hurt["candidates"], hurt["rendered_now"]) == (1, 6, 4)
    listed = plateful("quarantine", "list", "--country", "SG", "--json").json
    assert list(listed) == [candidates["request_id"][0]]
    assert "stored_image_unreadable" in str(listed)

    for path in broken:
        path.unlink()
    assert plateful("run", "--country", "SG", "--json").json["total"]["quarantined"] == 1
    assert "1 requests" in plateful("quarantine", "replay", "--country", "SG").out
    healed = plateful("run", "--country", "SG", "--json").json["total"]
    assert (healed["quarantined"], healed["candidates"], healed["rendered_now"]) == (0, 6, 2)
