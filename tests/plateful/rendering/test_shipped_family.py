"""The weights in the repository render under every name that the catalog gives them."""

import numpy as np
import pytest

from plateful.models.catalog import load_catalog
from plateful.models.parameters import translate
from plateful.models.versions import resolve_model
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from tests.plateful.rendering.sample import make_task

ENTRY = load_catalog()["plateful-tiny"]


@pytest.mark.parametrize("name", [ENTRY.served_name(profile) for profile in ENTRY.profiles])
def test_a_profile_of_the_shipped_family_renders(name: str) -> None:
    version = resolve_model(name)
    wanted = translate({}, ENTRY, version.profile.name).effective
    task = make_task(version, "tomato soup", parameters=wanted)
    (picture,) = DiffusersRenderer(version).render([task], {}, {})
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (128, 128, 3)
    # A picture, not one colour: 200 drawn plates have 32 and more.
    assert picture.std() > 20
