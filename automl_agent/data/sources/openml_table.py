"""OpenML's datasets and tasks by name or number, kept in our cache for use without a network."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from automl_agent.data.sources.cache import Cache, Entry
from automl_agent.data.sources.file import read_file
from automl_agent.data.sources.openml_fetch import OpenMLError, ask_openml, server_name
from automl_agent.data.sources.raw_table import GivenSplit, RawTable
from automl_agent.data.wording import quote_names
from automl_agent.exceptions import InputError

_REFERENCE = re.compile(r"(openml|openml-task):\s*(.+)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.()+-]{0,127}")


@dataclass(frozen=True)
class Reference:
    """What is asked of OpenML.

    Attributes:
        kind: "name", "id" or "task".
        value: the name, or the number.
    """

    kind: str
    value: str | int

    @property
    def key(self) -> str:
        """The answer's place in the cache."""
        kind = {"name": "name", "id": "data", "task": "task"}[self.kind]
        return f"openml/{server_name()}/{kind}-{self.value}"


def parse_reference(text: str) -> Reference | None:
    """Read ``openml:1590``, ``openml:adult`` or ``openml-task:1882``; None for anything else.

    Raises:
        InputError: it begins so, but no name or number follows.
    """
    found = _REFERENCE.fullmatch(text.strip())
    if found is None:
        return None
    value = found[2].strip()
    if value.isdecimal():
        return Reference("task" if found[1].lower() == "openml-task" else "id", int(value))
    if found[1].lower() == "openml-task" or not _NAME.fullmatch(value):
        raise InputError(
            f"'{text}' names nothing on OpenML",
            "such as openml:adult, openml:1590 or openml-task:1882",
        )
    return Reference("name", value)


def looks_like_name(text: str) -> bool:
    """Tell whether a plain word may be a dataset's name on OpenML."""
    return bool(_NAME.fullmatch(text)) and not text.isdecimal()


def read_openml(asked: Reference) -> RawTable:
    """Read a dataset, from the cache if it is there.

    A name is that of the newest active version; the answer is remembered. A task brings its
    target and fold 0 of its repeat 0: these are the training and the test rows. The columns that
    OpenML says to ignore, and row numbers, are left out.

    Raises:
        OpenMLError: it is not cached and cannot be had.
        InputError: it cannot be read.
    """
    cache = Cache.here()
    found = cache.find(asked.key)
    warnings = found.warnings
    if found.entry is not None:
        data = cache.find(_data_key(int(found.entry.about["id"])))
        warnings += data.warnings
        if data.entry is not None and data.entry.file is not None:
            table, _ = _read(data.entry.file, data.entry.about)
            task = None if asked.kind != "task" else _task_of(found.entry)
            return _finished(table, data.entry.about, task, warnings)
    with tempfile.TemporaryDirectory(prefix="automl-agent-") as folder:
        try:
            answer = ask_openml({asked.kind: asked.value}, Path(folder))
        except OpenMLError as error:
            lost = "; ".join(warnings)
            raise OpenMLError(
                error.message + (f" ({lost})" if lost else ""), error.hint, error.kind
            ) from error
        task = answer.pop("task")
        if task is not None and task["task"] is None:
            raise InputError(
                f"OpenML task {asked.value} is of the type {task['type']}",
                f"classification and regression can be used; openml:{answer['id']} is its dataset",
            )
        file = Path(answer.pop("file"))
        table, missing = _read(file, answer)
        about = _description(answer, table, missing)
        warnings += cache.keep(_data_key(int(answer["id"])), about, file)
        if asked.kind == "name":
            title = f"OpenML's answer to the name {asked.value}"
            named = {"kind": "openml-name", "title": title, "name": asked.value, "id": answer["id"]}
            warnings += cache.keep(asked.key, named)
        if task is not None:
            warnings += _keep_task(cache, asked, task, Path(folder))
    # what could not be written is said once
    return _finished(table, about, task, tuple(dict.fromkeys(warnings)))


def _data_key(number: int) -> str:
    return Reference("id", number).key


def _description(answer: Mapping[str, Any], table: RawTable, n_left_out: int) -> dict[str, Any]:
    rows, columns = table.frame.shape
    return {
        "kind": "openml",
        "title": f"OpenML {answer['id']}",
        "reference": f"openml:{answer['id']}",
        **{name: answer[name] for name in ("id", "name", "version", "target", "licence", "md5")},
        "left_out": answer["left_out"],
        "rows": rows,
        "columns": columns - n_left_out,
    }


def _read(file: Path, about: Mapping[str, Any]) -> tuple[RawTable, int]:
    """The table as it came, and how many of its columns are left out."""
    try:
        table = read_file(file)
    except InputError as error:
        where = f"OpenML {about['id']}"
        raise InputError(error.message.replace(str(file), where), error.hint) from error
    return table, len(_left_out(table, about))


def _left_out(table: RawTable, about: Mapping[str, Any]) -> list[str]:
    columns, listed = list(table.frame.columns), list(about["left_out"])
    # several names may stand in one entry, with commas between them
    named = [n for e in listed for n in ([e] if e in columns else map(str.strip, e.split(",")))]
    return [column for column in columns if column in named]


def _finished(
    table: RawTable,
    about: Mapping[str, Any],
    task: Mapping[str, Any] | None,
    warnings: tuple[str, ...],
) -> RawTable:
    """The table with what OpenML declares about it."""
    ignored = _left_out(table, about)
    frame = table.frame.drop(columns=ignored)
    target = about["target"] if task is None else task["target"]
    found = list(table.warnings)
    if ignored:
        found.append(f"columns that OpenML says to ignore, left out: {quote_names(ignored)}")
    if target is not None and target not in frame.columns:
        found.append(f"OpenML declares the target '{target}', which is no single column")
        target = None
    table = replace(
        table,
        frame=frame,
        target=target,
        name=str(about["name"]),
        source=f"OpenML {about['id']}, version {about['version']}",
        note=f"OpenML {about['id']}, version {about['version']}",
        warnings=(*warnings, *found),
    )
    return table if task is None else _with_split(table, task)


def _with_split(table: RawTable, task: Mapping[str, Any]) -> RawTable:
    train, test = (np.array(task[part], dtype=np.int64) for part in ("train", "test"))
    if not len(train) or not len(test) or max(train.max(), test.max()) >= len(table.frame):
        raise InputError(f"the splits of OpenML task {task['id']} do not fit {table.source}")
    origin = (
        f"fold 0 of {task['folds']}, repeat 0 of {task['repeats']}, of OpenML task {task['id']}"
    )
    return replace(table, task=task["task"], split=GivenSplit(train, test, origin))


def _keep_task(
    cache: Cache, asked: Reference, task: dict[str, Any], folder: Path
) -> tuple[str, ...]:
    task["id"] = asked.value
    splits = folder / "splits.json"
    splits.write_text(json.dumps(task), encoding="utf-8")
    about = {
        "kind": "openml-task",
        "title": f"OpenML task {asked.value}",
        "id": task["data_id"],
    }
    return cache.keep(asked.key, about, splits)


def _task_of(entry: Entry) -> dict[str, Any] | None:
    if entry.file is None:
        return None
    task: dict[str, Any] = json.loads(entry.file.read_text(encoding="utf-8"))
    return task
