"""Pods, run worker, daemon and code server are lost while a country renders; nothing else is."""

from pathlib import Path

import pytest

from tests.rehearsal.storm import storm


@pytest.mark.timeout(1800)
def test_a_country_survives_the_loss_of_every_part_that_renders_it(tmp_path: Path) -> None:
    done = storm(tmp_path, products=12)
    assert len(done.broken) == 5
    done.check()
