"""Wire tables: what an entry offers has a row and changes the call; what it lacks changes nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plateful.models.capabilities import Switch, sides
from plateful.models.catalog import CATALOG_FILE
from plateful.models.parameters import TAKEN
from plateful.models.providers.calls import PROVIDERS as INTERFACES
from plateful.models.providers.wire import PLANNED
from tests.plateful.models.providers.studio import CATALOG, HOSTED, MASK, PHOTO, photo_and_mask, studio

TEXT = {"style": st.sampled_from(["rustic", "REALISTIC", "photographic", "watercolour"])}
WISHES = st.one_of(
    st.tuples(st.just("size"), st.sampled_from([512, 1024, "1536x1024", "900x1200", "1920x1080"])),
    st.tuples(st.just("style"), TEXT["style"]),
    st.tuples(st.just("quality"), st.sampled_from(["preview", "production"])),
    st.tuples(st.just("cfg_scale"), st.floats(1, 12)),
    st.tuples(st.just("steps"), st.integers(1, 60)),
    st.tuples(st.just("strength"), st.floats(0.1, 0.9)),
    st.tuples(st.just("team"), st.sampled_from(["grocery", "food"])),
)


@pytest.mark.parametrize("name", HOSTED)
def test_capabilities_and_wire_rows_are_the_same(name: str) -> None:
    entry = CATALOG[name]
    for profile in entry.profiles:
        capabilities = entry.capabilities_of(profile).items()
        offered = {one for one, kind in capabilities if not isinstance(kind, Switch) or kind.supported}
        rows = INTERFACES[entry.provider].wire.keys() - {"prompt"}
        assert offered - PLANNED == rows, "an offer without a row would be dropped in silence"
        assert offered >= PLANNED


@pytest.mark.parametrize("name", HOSTED)
def test_every_offered_value_is_one_that_the_interface_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = CATALOG[name]
    with studio(name, tmp_path, monkeypatch) as one:
        for value in entry.capabilities["size"].values:
            (task,) = one.tasks(f"soup of {value}", size=value)
            path, fields = one.called(task)
            order = one.account.api.order(path, fields)
            assert (order.width, order.height) == sides(value)
        for word in getattr(entry.capabilities.get("style"), "values", ()):
            one.called(*one.tasks("rice", style=word))
        for tier in entry.tiers:
            one.called(*one.tasks("stew", quality=tier))


@pytest.mark.parametrize("name", HOSTED)
def test_what_a_receipt_says_is_what_the_call_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = [HealthCheck.function_scoped_fixture]
    with studio(name, tmp_path, monkeypatch) as one:
        (plain,) = one.tasks("soup")
        before = one.called(plain)

        @settings(max_examples=14, deadline=None, suppress_health_check=quiet)
        @given(WISHES)
        def holds(wish: tuple[str, Any]) -> None:
            (task,) = one.tasks("soup", **dict([wish]))
            line, own = task.receipt[wish[0]], plain.receipt.get(wish[0], {})
            after = one.called(task)
            if line["status"] in ("dropped", "recorded"):
                assert after == before
            elif line["status"] == "emulated":
                assert str(wish[1]) in after[1].get("prompt", str(after[1]))
                assert after != before
            elif wish[0] == "quality" and "quality" not in CATALOG[name].capabilities:
                assert (after, line["effective"]) == (before, one.version.profile.name)
            elif wish[0] == "quality":
                assert line["effective"] in after[1].values()
            else:
                assert (after != before) == (line["effective"] != own.get("effective"))

        holds()


@pytest.mark.parametrize("name", HOSTED)
def test_tiers_seeds_counts_and_negative_prompts_reach_the_call(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = CATALOG[name]
    with studio(name, tmp_path, monkeypatch) as one:
        tiers = [one.called(*one.tasks("soup", quality=tier))[1] for tier in ("preview", "production")]
        assert (tiers[0] != tiers[1]) == ("quality" in entry.capabilities)
        calls = [one.called(task)[1] for task in one.tasks("soup", n=3)]
        assert len(one.account.seen) == 5, "a call per picture"
        assert len({repr(fields) for fields in calls}) == (3 if "seed" in entry.capabilities else 1)
        assert "text" in str(calls[0]), "the negative prompt, in its own field or in the prompt"


@pytest.mark.parametrize("name", HOSTED)
def test_photo_and_mask_reach_the_call(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, mask = photo_and_mask()
    assert {"init_image", "mask"} <= set(TAKEN)
    with studio(name, tmp_path, monkeypatch) as one:
        first = one.called(one.edit("a"), {PHOTO: photo}, {MASK: mask})
        changed = one.called(one.edit("b"), {PHOTO: 255 - photo}, {MASK: mask})
        smaller = one.called(one.edit("c"), {PHOTO: photo}, {MASK: np.roll(mask, 20, axis=1)})
        told = [{k: v for k, v in call[1].items() if k not in ("prompt", "seed")} for call in
                (first, changed, smaller)]  # fmt: skip
        assert len({repr(fields) for fields in told}) == 3
        assert first[0] != one.called(*one.tasks("d"))[0] or CATALOG[name].provider == "imagen"


def test_the_shipped_addresses_are_encrypted_or_local() -> None:
    for name in HOSTED:
        endpoint = CATALOG[name].endpoint
        assert endpoint is not None
        assert endpoint.url.startswith(("https://", "http://127.0.0.1"))
    assert "sk-" not in CATALOG_FILE.read_text()
