"""The warehouse on Snowflake, through the real connector against a server on the loopback."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from plateful.environments import Settings
from plateful.errors import ConfigError, StoreError
from plateful.stores.snowflake import SnowflakeWarehouse
from plateful.stores.snowflake_session import SnowflakeAccess
from tests.plateful.stores.rows import frame
from tests.servers.snowflake import SnowflakeServer, running_snowflake, write_key
from tests.servers.snowflake_front import Loss


@pytest.fixture(scope="module")
def running() -> Iterator[SnowflakeServer]:
    with running_snowflake() as server:
        yield server


@pytest.fixture
def server(running: SnowflakeServer, monkeypatch: pytest.MonkeyPatch) -> SnowflakeServer:
    running.execute("DROP TABLE IF EXISTS PUBLISHED_IMAGES")
    running.asked.clear()
    for name, value in running.variables().items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def access(server: SnowflakeServer) -> SnowflakeAccess:
    del server
    return SnowflakeAccess.of(Settings())


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def warehouse(access: SnowflakeAccess, waits: list[float]) -> SnowflakeWarehouse:
    return SnowflakeWarehouse(access, sleep=waits.append)


def image(name: str = "i1", **values: object) -> dict[str, Any]:
    return {"image_id": name, "country": "SG", "status": "live", "reason": None, "version": 1, **values}


def test_the_table_is_made_at_first_use(warehouse: SnowflakeWarehouse, server: SnowflakeServer) -> None:
    assert warehouse.published("SG").is_empty()
    assert warehouse.merge_published(frame("published_images")) == 0
    types = server.execute(
        "SELECT data_type FROM information_schema.columns WHERE column_name = 'UPDATED_AT' "
        "AND table_name = 'PUBLISHED_IMAGES'"
    )
    assert types == [("TIMESTAMP_TZ",)]


def test_rows_come_back_as_merged_by_country(warehouse: SnowflakeWarehouse) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
    odd = 'it\'s "q"; DROP TABLE published_images -- Käse 麵\n'
    rows = frame(
        "published_images",
        image("i1", updated_at=moment, url=odd),
        image("i2", reason="real_photo", status="retired"),
    )
    assert warehouse.merge_published(rows) == 2
    assert warehouse.merge_published(frame("published_images", image("i3", country="DE"))) == 1
    assert warehouse.published("SG").equals(rows)
    assert warehouse.published("DE")["image_id"].to_list() == ["i3"]
    assert warehouse.published("' OR 1=1 --").is_empty()


def test_only_a_higher_version_changes_a_row(warehouse: SnowflakeWarehouse) -> None:
    assert warehouse.merge_published(frame("published_images", image(url="a", version=2))) == 1
    assert warehouse.merge_published(frame("published_images", image(url="b", version=2))) == 0
    assert warehouse.merge_published(frame("published_images", image(url="b", version=1))) == 0
    assert warehouse.published("SG")["url"].to_list() == ["a"]
    assert warehouse.merge_published(frame("published_images", image(url="c", version=3), image("i2"))) == 2
    assert warehouse.published("SG").select("image_id", "url").rows() == [("i1", "c"), ("i2", "x")]


def test_one_image_twice_in_a_merge_is_refused(
    warehouse: SnowflakeWarehouse, server: SnowflakeServer
) -> None:
    with pytest.raises(StoreError, match="'i1' comes twice"):
        warehouse.merge_published(frame("published_images", image(), image(version=2)))
    assert server.asked.statements == []


def test_a_batch_is_one_merge(
    warehouse: SnowflakeWarehouse, server: SnowflakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.probe()
    server.asked.statements.clear()
    warehouse.merge_published(frame("published_images", *(image(f"i{n}") for n in range(50))))
    assert [text.split()[0] for text in server.asked.statements] == ["MERGE"]
    monkeypatch.setattr("plateful.stores.snowflake.MERGE_ROWS", 20)
    rows = frame("published_images", *(image(f"i{n}", version=2) for n in range(50)))
    assert warehouse.merge_published(rows) == 50
    assert [text.split()[0] for text in server.asked.statements] == ["MERGE"] * 4
    assert warehouse.published("SG")["version"].to_list() == [2] * 50


@pytest.mark.parametrize("session", [True, False])
@pytest.mark.parametrize("ran", [True, False])
def test_a_reply_or_session_lost_around_the_merge_leaves_one_row(
    warehouse: SnowflakeWarehouse, server: SnowflakeServer, waits: list[float], ran: bool, session: bool
) -> None:
    warehouse.probe()
    server.asked.faults.lose.append(Loss("MERGE", ran, session))
    warehouse.merge_published(frame("published_images", image("i1"), image("i2")))
    assert server.asked.faults.lose == []
    # A reply alone is asked for again by the connector, within its session.
    assert waits == ([1.0] if session else [])
    assert server.execute("SELECT image_id, version FROM published_images ORDER BY 1") == [
        ("i1", 1),
        ("i2", 1),
    ]


def test_a_server_that_stays_away_is_a_clear_error(
    warehouse: SnowflakeWarehouse, server: SnowflakeServer, waits: list[float]
) -> None:
    server.asked.faults.lose += [Loss("SELECT", ran=False)] * 3
    with pytest.raises(StoreError, match="no longer exists") as caught:
        warehouse.published("SG")
    assert waits == [1.0, 5.0]
    assert "plateful doctor" in caught.value.fix


def test_every_session_says_who_it_is(warehouse: SnowflakeWarehouse, server: SnowflakeServer) -> None:
    warehouse.published("SG")
    warehouse.probe()
    tags = [(one.user, one.role, one.warehouse, one.query_tag) for one in server.asked.logins]
    who = (server.user, server.role, server.warehouse)
    assert tags == [(*who, "plateful/publish"), (*who, "plateful/doctor")]


def test_what_the_role_may_not_do_is_named(warehouse: SnowflakeWarehouse, server: SnowflakeServer) -> None:
    server.asked.faults.refuse.append("CREATE")
    with pytest.raises(
        StoreError, match=f"{server.role} neither finds published_images nor may create"
    ) as caught:
        warehouse.published("SG")
    assert "CREATE TABLE IF NOT EXISTS" in caught.value.fix
    server.asked.faults.refuse[:] = ["MERGE"]
    with pytest.raises(StoreError, match="Insufficient privileges") as caught:
        warehouse.probe()
    assert "INSERT and UPDATE" in caught.value.fix


def test_a_key_that_is_not_registered_is_refused(
    access: SnowflakeAccess, tmp_path: Path, server: SnowflakeServer
) -> None:
    other = write_key(tmp_path, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    with pytest.raises(StoreError, match="JWT token is invalid") as caught:
        SnowflakeWarehouse(replace(access, private_key_file=other)).published("SG")
    assert "RSA_PUBLIC_KEY" in caught.value.fix
    assert server.asked.statements == []


def test_a_key_that_cannot_be_read_is_named(access: SnowflakeAccess, tmp_path: Path) -> None:
    locked = write_key(
        tmp_path, rsa.generate_private_key(public_exponent=65537, key_size=2048), "pass phrase"
    )
    garbage = tmp_path / "garbage.p8"
    garbage.write_text("not a key")

    def refusal(path: Path, passphrase: str | None = None) -> ConfigError:
        secret = SecretStr(passphrase) if passphrase else None
        with pytest.raises(ConfigError) as caught:
            SnowflakeWarehouse(replace(access, private_key_file=path, passphrase=secret)).published("SG")
        assert "pass phrase" not in str(caught.value)
        return caught.value

    assert "No such file" in refusal(tmp_path / "absent.p8").message
    assert "PLATEFUL_SNOWFLAKE_PRIVATE_KEY_PASSPHRASE_FILE" in refusal(locked).fix
    assert "does not open" in refusal(locked, "wrong").message
    assert "not encrypted" in refusal(access.private_key_file, "pass phrase").message
    assert "no private key" in refusal(garbage).message


def test_an_encrypted_key_opens_with_its_passphrase(access: SnowflakeAccess, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    registered = load_pem_private_key(access.private_key_file.read_bytes(), None)
    assert isinstance(registered, rsa.RSAPrivateKey)
    locked = write_key(tmp_path, registered, "pass phrase")
    with_passphrase = replace(access, private_key_file=locked, passphrase=SecretStr("pass phrase"))
    assert SnowflakeWarehouse(with_passphrase).published("SG").is_empty()
    assert "pass phrase" not in repr(with_passphrase)


@pytest.mark.parametrize("name", ['a"; DROP TABLE x', "a.b", "", "a b", "1a", "ä"])
def test_names_are_checked_before_they_reach_a_statement(access: SnowflakeAccess, name: str) -> None:
    with pytest.raises(ConfigError, match="not a plain Snowflake name"):
        SnowflakeWarehouse(replace(access, schema=name))


def test_missing_settings_are_named_together(
    monkeypatch: pytest.MonkeyPatch, server: SnowflakeServer
) -> None:
    del server
    monkeypatch.delenv("PLATEFUL_SNOWFLAKE_ROLE")
    monkeypatch.delenv("PLATEFUL_SNOWFLAKE_USER")
    with pytest.raises(ConfigError, match="PLATEFUL_SNOWFLAKE_USER, PLATEFUL_SNOWFLAKE_ROLE"):
        SnowflakeAccess.of(Settings())
