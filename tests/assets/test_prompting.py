"""translated_products through Dagster with a paid translator: cost, figures in the UI, failures."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.partitions import COUNTRY
from assets.prompting import translated_products
from plateful.environments import Settings, load_settings
from plateful.stores import Lake
from plateful.tables import PRODUCTS_WITHOUT_IMAGES
from resources.environment import build_resources
from tests.plateful.translation.google_service import Fault, Service, google_service, write_key
from tests.plateful.translation.test_translated_products import product


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with google_service() as service:
        write_key(tmp_path / "key.json", service)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        monkeypatch.setenv("HTTPS_PROXY", service.url)
        monkeypatch.setenv("PLATEFUL_HOME", str(tmp_path / "state"))
        monkeypatch.setenv("PLATEFUL_TRANSLATOR", "google")
        monkeypatch.setenv("PLATEFUL_TRANSLATOR_URL", service.url)
        monkeypatch.setenv("PLATEFUL_TRANSLATOR_PROJECT", "menus")
        yield service


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """One instance per test: a run waits for the lease of one that its instance does not know."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def materialize(instance: dg.DagsterInstance, settings: Settings, *names: str) -> dg.ExecuteInProcessResult:
    """Materialize China with these names."""
    rows = [product(product_id=str(number), name=name) for number, name in enumerate(names)]
    Lake(settings.lake).write_table("products_without_images", PRODUCTS_WITHOUT_IMAGES.frame(rows), "CN")
    return dg.materialize(
        [dg.AssetSpec("products_without_images", partitions_def=COUNTRY), translated_products],
        partition_key="CN",
        resources=build_resources(settings),
        instance=instance,
        raise_on_error=False,
    )


def figures(run: dg.ExecuteInProcessResult) -> dict[str, object]:
    """The metadata of the materialization that begins with `texts_`."""
    (event,) = run.asset_materializations_for_node("translated_products")
    return {name: value.value for name, value in event.metadata.items() if name.startswith("texts_")}


def test_an_unchanged_product_is_never_sent_twice(service: Service, instance: dg.DagsterInstance) -> None:
    settings = load_settings()
    first = materialize(instance, settings, "牛肉面", "淄博烧烤")
    assert first.success
    assert figures(first) == {"texts_remembered": 0, "texts_sent": 1, "texts_characters_sent": 4}
    again = materialize(instance, settings, "牛肉面", "淄博烧烤")
    assert figures(again) == {"texts_remembered": 1, "texts_sent": 0, "texts_characters_sent": 0}
    materialize(instance, settings, "牛肉面", "淄博烧烤", "桂林十八酿")
    assert [call["contents"] for call in service.calls] == [["淄博烧烤"], ["桂林十八酿"]]
    table = Lake(settings.lake).read_table("translated_products", "CN")
    assert table["translation"].to_list() == ["glossary", "google", "google"]
    assert table["name"].to_list() == ["牛肉面", "淄博烧烤", "桂林十八酿"]


def test_one_refused_text_is_that_products(service: Service, instance: dg.DagsterInstance) -> None:
    service.poison = "淄"
    run = materialize(instance, load_settings(), "淄博烧烤", "桂林十八酿")
    assert run.success
    assert figures(run)["texts_failed_refused"] == 1
    table = Lake(load_settings().lake).read_table("translated_products", "CN")
    assert table["translation"].to_list() == ["failed:refused", "google"]
    assert table["coverage"].to_list() == [0.0, 1.0]


def test_a_spent_quota_is_one_clear_error(service: Service, instance: dg.DagsterInstance) -> None:
    service.faults += [Fault(403, "Daily Limit Exceeded")]
    run = materialize(instance, load_settings(), "淄博烧烤")
    assert not run.success
    (failure,) = run.filter_events(lambda event: event.is_step_failure)
    assert "rate limit or quota" in str(failure.step_failure_data.user_failure_data)
    assert not Lake(load_settings().lake).has_table("translated_products", "CN")
