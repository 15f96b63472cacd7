"""The command as a user runs it, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl_agent.cli.main import main

ROOT = Path(__file__).parents[2]
RUN = "früchte"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which must be one strict JSON value."""

        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is not JSON")

        return json.loads(self.out, parse_constant=refuse)

    def error(self, code: int = 2) -> str:
        """The error's line and its hint, after seeing that nothing else was said."""
        assert self.code == code, self
        lines = self.err.splitlines()
        begin = [i for i, line in enumerate(lines) if line.startswith("error: ")]
        assert len(begin) == 1, self.err
        said = lines[begin[0] :]
        assert len(said) <= 2, self.err
        assert all(line.startswith("       ") for line in said[1:]), self.err
        assert "Traceback" not in self.err
        assert "unforeseen" not in self.err
        assert self.out == ""
        return " ".join(line.strip() for line in said)


def automl_agent(*arguments: object) -> Ended:
    """The real command in this process, where the libraries are loaded already."""
    out, err = io.StringIO(), io.StringIO()
    before, handler = sys.argv, signal.getsignal(signal.SIGTERM)
    sys.argv = ["automl-agent", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as exit_:
        return Ended(int(exit_.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = before
        signal.signal(signal.SIGTERM, handler)
    raise AssertionError("the command did not exit")


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "automl_agent.cli.main", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        **options,
    )
