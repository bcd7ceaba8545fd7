"""A user's mistake is one clear message and exit status 2, never a stack trace."""

import json
import sys
from pathlib import Path

import pytest

from cli.main import main
from plateful.environments import Settings
from tests.conftest import feed_rows, write_feed

pytestmark = pytest.mark.usefixtures("settings")


def _fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["plateful", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert "fix:" in captured.err
    return " ".join(captured.err.split())


def test_unknown_country(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "'XX' is unknown" in _fails(monkeypatch, capsys, "run", "--country", "XX")


def test_country_without_rows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "has no row of FR" in _fails(monkeypatch, capsys, "run", "--country", "FR")


def test_absent_feed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.csv" in _fails(monkeypatch, capsys, "run", "--feed", "nowhere.csv", "--country", "SG")


def test_empty_feed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    empty = write_feed(tmp_path / "empty.csv", [])
    assert "empty.csv" in _fails(monkeypatch, capsys, "run", "--feed", str(empty), "--country", "SG")


def test_missing_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    feed = tmp_path / "no_name.csv"
    feed.write_text("product_id,vendor_id,country\n1,2,SG\n")
    assert "name" in _fails(monkeypatch, capsys, "run", "--feed", str(feed), "--country", "SG")


@pytest.mark.parametrize(("name", "value"), [("ENV", "staging"), ("CANDIDATES", "many"), ("CANDIDATES", "0")])
def test_unknown_setting(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(f"PLATEFUL_{name}", value)
    assert f"PLATEFUL_{name}" in _fails(monkeypatch, capsys, "run", "--country", "SG")


def test_absent_weights(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PLATEFUL_WEIGHTS", str(tmp_path / "none"))
    assert "weights" in _fails(monkeypatch, capsys, "run", "--country", "SG")


def test_json_is_the_only_thing_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    write_feed(Path(settings.feed), feed_rows({"SG": [("Laksa", "")]}))
    monkeypatch.setattr(sys, "argv", ["plateful", "run", "--country", "sg", "--json"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["countries"]["SG"] == summary["total"]
    assert summary["total"]["candidates"] == 2
    assert summary["total"]["seconds"]["generated_candidates"] > 0
