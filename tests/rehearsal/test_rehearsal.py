"""The rehearsal in short: one country of a few rows through the whole production plane."""

from pathlib import Path

import pytest

from tests.rehearsal.rehearse import rehearse


@pytest.mark.timeout(900)
def test_the_main_job_runs_in_production_with_each_gpu_step_in_its_pod(tmp_path: Path) -> None:
    done = rehearse(tmp_path, ["SG"], products=5)
    done.check()
