"""The command as a user runs it, in this process."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cli.main import main


@dataclass(frozen=True)
class Done:
    """Exit status and output of one command."""

    status: object
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        assert self.status == 0, self.err
        return json.loads(self.out)


Plateful = Callable[..., Done]


@pytest.fixture
def plateful(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Plateful:
    """Run `plateful ARGUMENTS` and return what it printed; never a stack trace."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["plateful", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Done(stopped.value.code, captured.out, " ".join(captured.err.split()))

    return run
