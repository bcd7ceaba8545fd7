"""One micro-run of the whole recipe, shared by the tests that look at what it leaves."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from training.family.__main__ import main

MICRO = Path(__file__).with_name("micro.yaml")


@dataclass(frozen=True)
class MicroRun:
    """Folders of a finished micro-run and its exit status."""

    out: Path
    work: Path
    status: int

    def again(self, *arguments: str) -> int:
        """Run the command line again on the same folders."""
        return main(["--recipe", str(MICRO), "--out", str(self.out), "--work", str(self.work), *arguments])


@pytest.fixture(scope="session")
def micro(tmp_path_factory: pytest.TempPathFactory) -> MicroRun:
    """The family at its smallest, made by the same command that makes the real one."""
    home = tmp_path_factory.mktemp("family")
    run = MicroRun(home / "weights", home / "work", 0)
    return MicroRun(run.out, run.work, run.again())
