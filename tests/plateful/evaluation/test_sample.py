"""Samples: part of an eval set, of a feed, or a file; what is no sample is named."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from eval_sets import load_eval_set
from plateful.errors import ConfigError, FeedError
from plateful.evaluation.images import eval_prompts
from plateful.evaluation.sample import Sample, in_turn, load_sample
from plateful.products.feed import Feed
from tests.conftest import feed_rows, write_feed


def load(spec: str, feed: Path | str = "nowhere") -> Sample:
    return load_sample(spec, feed=lambda: Feed(str(feed)), eval_set=load_eval_set)


def test_part_of_the_eval_set_covers_dishes_and_backgrounds() -> None:
    items = load_eval_set("plates_v1").items
    sample = load("plates_v1:34")
    of = {item.item_id: item for item in items}
    chosen = [of[subject] for subject in sample.prompts["subject"]]
    assert len({item.stratum for item in chosen}) == 34 and len({item.background for item in chosen}) == 5
    assert load("plates_v1").prompts.height == 20
    everything = load("plates_v1:1000").prompts
    assert sorted(everything["request_id"]) == sorted(eval_prompts(items)["request_id"])


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(0, 15))
@hypothesis_settings(deadline=None)
def test_every_item_once_and_strata_in_turn(strata: list[str], count: int) -> None:
    chosen = in_turn(range(len(strata)), strata, count)
    assert len(set(chosen)) == len(chosen) == min(count, len(strata))
    counts = {name: sum(strata[number] == name for number in chosen) for name in set(strata)}
    most = max(counts.values(), default=0)
    assert all(some >= most - 1 or some == strata.count(name) for name, some in counts.items())


def test_part_of_a_feed_gets_the_pipelines_prompts_without_its_photos(tmp_path: Path) -> None:
    rows = feed_rows({"SG": [("Prawn noodle soup", "prawn"), ("Iced lemon tea", ""), ("Laksa", "")]})
    rows[0]["image_url"] = "https://menus.example/soup.jpg"
    feed = write_feed(tmp_path / "feed.csv", rows)
    sample = load("feed:sg:2", feed)
    assert sample.prompts.height == 2 and set(sample.prompts["route"]) == {"text_to_image"}
    assert "noodle soup with prawn" in sample.prompts["prompt"][0]
    assert sample.digest == load("feed:SG:2", feed).digest != load("feed:SG:3", feed).digest
    with pytest.raises(ConfigError, match="no product of DE"):
        load("feed:DE", feed)
    with pytest.raises(FeedError, match="'QQ' is not known"):
        load("feed:QQ", feed)


def test_a_file_of_prompts(tmp_path: Path) -> None:
    entries = ["a pizza", {"id": "b", "prompt": "a burger", "steps": 20, "expected_text": "LUNCH"}]
    (tmp_path / "p.yaml").write_text(json.dumps(entries))
    (tmp_path / "p.csv").write_text("id,prompt,steps,expected_text\n,a pizza,,\nb,a burger,20,LUNCH\n")
    listed, table = load(str(tmp_path / "p.yaml")), load(str(tmp_path / "p.csv"))
    assert listed.prompts.equals(table.prompts)
    assert listed.prompts["subject"].to_list() == ["1", "b"]
    assert listed.prompts["parameters"].to_list() == ["{}", '{"steps":20}']
    assert listed.prompts["expected_text"].to_list() == [None, "LUNCH"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[]", "has 0 prompts"),
        ("prompt: a pizza", "is no list"),
        ("- {prompt: a pizza, sampler: euler}", "entry 1: 'sampler' is unknown"),
        ("- a pizza\n- 7", "entry 2: 'int' is unknown"),
        ("- {id: x}", "entry 1: request parameter 'prompt'"),
        ("- {prompt: a pizza, steps: many}", "entry 1: request parameter 'steps' = 'many'"),
        ("- {id: 1, prompt: a}\n- {id: 1, prompt: b}", "entries 1 and 2 ask for the same subject"),
        ("- {prompt: a, seed: 3}\n- {prompt: a, seed: 3}", "entries 1 and 2 ask for the same picture"),
        ("- a: [", "cannot be read"),
        ("- " + "x" * 1_000_001, "is over 1,000,000 bytes"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=problem):
        load(str(path))


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("plates_v9:3", "eval set 'plates_v9' does not exist"),
        ("plates_v1:0", "'0' is no count"),
        ("plates_v1:many", "'many' is no count"),
        ("feed:SG:-1", "'-1' is no count"),
        ("absent.csv", "absent.csv cannot be read: No such file"),
    ],
)
def test_what_is_no_sample_is_named(spec: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(spec)
