"""The graph as a whole: it loads, and every asset carries what the UI shows."""

import dagster as dg
import pytest

from definitions import defs
from plateful.tables import TABLES

GROUPS = {
    "catalog": {"products", "products_without_images"},
    "prompts": {"translated_products", "prompts"},
    "generation": {"inpainting_masks", "generated_candidates"},
    "gates": {"safety_scores", "quality_scores", "judge_verdicts", "accepted_candidates"},
    "review": {"review_decisions"},
    "publishing": {"published_images"},
    "evaluation": {"eval_images", "eval_scores", "model_leaderboard"},
    "impact": {"cost_report"},
}
GRAPH = defs.resolve_asset_graph()
SPECS = [
    spec for assets in defs.assets or [] if isinstance(assets, dg.AssetsDefinition) for spec in assets.specs
]


def test_definitions_are_loadable() -> None:
    dg.Definitions.validate_loadable(defs)


def test_groups_and_keys_are_the_designs() -> None:
    found: dict[str, set[str]] = {}
    for spec in SPECS:
        found.setdefault(spec.group_name or "", set()).add(spec.key.to_user_string())
    assert found == GROUPS


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key.to_user_string())
def test_every_asset_has_owner_kinds_description_and_columns(spec: dg.AssetSpec) -> None:
    name = spec.key.to_user_string()
    assert spec.owners
    assert spec.kinds
    assert spec.description
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == list(TABLES[name].columns)
    assert all(column.description for column in columns)


def test_every_table_has_a_blocking_contract_partitioned_like_it() -> None:
    keys = {check.asset_key.to_user_string() for check in GRAPH.asset_check_keys}
    assert keys == set().union(*GROUPS.values())
    for key in GRAPH.asset_check_keys:
        check = GRAPH.get(key)
        assert check.blocking
        assert check.partitions_def == GRAPH.get(key.asset_key).partitions_def


def test_countries_are_a_static_list_of_seventy_or_more() -> None:
    partitions = GRAPH.get(dg.AssetKey("products")).partitions_def
    assert isinstance(partitions, dg.StaticPartitionsDefinition)
    assert len(partitions.get_partition_keys()) >= 70
