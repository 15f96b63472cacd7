"""events.jsonl: every ask, fit and tell of a search, in order, written before the next ask.

{"event": "ask", "at": 0.01, "number": 1, "origin": "default", "config": {...}}
{"event": "fit", "at": 0.31, "trial": 1, "fold": 0, "status": "success", "cost": 0.21, ...}
{"event": "tell", "at": 1.5, "trial": 1, "status": "success", "cost": 0.2, ...}
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from automl_agent.json_lines import JsonLines, read_json_lines
from automl_agent.optimization.trial import (
    FitResult,
    Incumbent,
    Origin,
    Status,
    Trial,
    TrialResult,
)


class EventLog:
    """Writes events.jsonl.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._lines = JsonLines(path)

    def ask(self, trial: Trial, at: float) -> None:
        """A trial was asked for, `at` seconds after the search began."""
        self._lines.write({"event": "ask", "at": at, **asdict(trial)})

    def fit(self, result: FitResult, at: float) -> None:
        """A fit ended."""
        self._lines.write({"event": "fit", "at": at, **result.to_dict()})

    def tell(self, result: TrialResult) -> None:
        """A trial ended, and SMAC is told."""
        self._lines.write({"event": "tell", "at": result.finished_at, **result.to_dict()})

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


@dataclass(frozen=True)
class History:
    """What events.jsonl tells of a search, finished or not."""

    trials: dict[int, Trial]
    results: dict[int, TrialResult]


def read_history(path: Path) -> History:
    """Trials asked for and trials ended, by number; empty if there is no such file."""
    trials: dict[int, Trial] = {}
    results: dict[int, TrialResult] = {}
    for record in read_json_lines(path):
        match record.get("event"):
            case "ask":
                number = int(record["number"])
                origin = Origin(record["origin"])
                trials[number] = Trial(number, record["config"], origin, record["budget"])
            case "tell":
                fields = {k: v for k, v in record.items() if k not in ("event", "at")}
                fields["status"] = Status(fields["status"])
                fields["fold_costs"] = tuple(fields["fold_costs"])
                results[int(record["trial"])] = TrialResult(**fields)
    return History(trials, results)


def read_incumbents(path: Path) -> list[Incumbent]:
    """The trajectory of a search from incumbents.jsonl, oldest first."""
    return [
        Incumbent(**{**record, "origin": Origin(record["origin"])})
        for record in read_json_lines(path)
    ]
