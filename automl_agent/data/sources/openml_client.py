"""openml-python in a process of its own; imports nothing of ours.

Importing it makes folders in the home, its requests have no time-out, its caches are pickles and
its log goes to the root logger. Here all that stays in a folder and a process that are thrown away.

Run as `python openml_client.py REQUEST`, a JSON object with "folder", "server" and one of "name",
"id" and "task". Leaves `answer.json` in the folder: what was found, and the path of the file; or
"error", one of absent, private, unreachable, damaged and server, and "message".
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

TRIES = 3
PAUSE_SECONDS = 1.0
# "Unknown dataset", "unknown task" and "no results" in the server's own numbers
_ABSENT = {111, 151, 372, 482}
_PLAIN_FORMATS = ("arff", "sparse_arff")


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request; failures that may pass are tried again."""
    for attempt in range(1, TRIES + 1):
        try:
            return _answer(request)
        except Exception as error:
            kind = _kind(error)
            if attempt == TRIES or kind in ("absent", "private"):
                return {"error": kind, "message": _message(error)}
            time.sleep(PAUSE_SECONDS)
    raise AssertionError


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    openml: Any = importlib.import_module("openml")
    openml.config.server = request["server"]
    openml.config.apikey = ""  # only what is public is asked for
    openml.config.set_retry_policy("human", 1)
    task: dict[str, Any] = {}
    if "task" in request:
        task = _task(openml, request["task"])
        number = task["data_id"]
    elif "name" in request:
        number = _newest(openml, request["name"])
    else:
        number = request["id"]
    options = {"download_features_meta_data": False, "download_qualities": False}
    about = openml.datasets.get_dataset(number, download_data=False, **options)
    # ARFF is what was uploaded, and has a checksum; Parquet copies have none
    plain = str(about.format).lower() in _PLAIN_FORMATS
    os.environ["OPENML_SKIP_PARQUET"] = "true" if plain else "false"
    dataset = openml.datasets.get_dataset(number, download_data=True, **options)
    return {
        "id": int(dataset.dataset_id),
        "name": dataset.name,
        "version": int(dataset.version),
        "target": dataset.default_target_attribute,
        "left_out": _names(dataset.ignore_attribute) + _names(dataset.row_id_attribute),
        "licence": dataset.licence,
        "md5": dataset.md5_checksum,
        "file": str(dataset.parquet_file or dataset.data_file),
        "task": task or None,
    }


def _newest(openml: Any, name: str) -> int:
    found = openml.datasets.list_datasets(
        data_name=name, status="active", output_format="dataframe"
    )
    if not len(found):
        raise LookupError(f"no active dataset is called {name}")
    newest = found.sort_values(["version", "did"]).iloc[-1]
    return int(newest["did"])


def _task(openml: Any, number: int) -> dict[str, Any]:
    task = openml.tasks.get_task(
        number,
        download_splits=True,
        download_data=False,
        download_qualities=False,
        download_features_meta_data=False,
    )
    kind = {1: "classification", 2: "regression"}.get(int(task.task_type_id.value))
    if kind is None:
        return {"data_id": int(task.dataset_id), "task": None, "type": task.task_type}
    train, test = task.get_train_test_split_indices(fold=0, repeat=0)
    repeats, folds, _ = task.get_split_dimensions()
    return {
        "data_id": int(task.dataset_id),
        "task": kind,
        "type": task.task_type,
        "target": task.target_name,
        "train": sorted(int(row) for row in train),
        "test": sorted(int(row) for row in test),
        "repeats": int(repeats),
        "folds": int(folds),
    }


def _names(given: Any) -> list[str]:
    if not given:
        return []
    return [str(name) for name in ([given] if isinstance(given, str) else given)]


def _message(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    # of a web page in place of an answer only the status tells something
    page = re.search(r"when calling (\S+)\. .*Status code: (\d+)", text)
    return f"{page[1]}: status {page[2]}" if page else text[:500]


def _kind(error: Exception) -> str:
    from openml import exceptions
    from requests.exceptions import ConnectionError as Unreachable
    from requests.exceptions import Timeout

    if isinstance(error, LookupError) and not isinstance(error, KeyError):
        return "absent"
    if isinstance(error, exceptions.OpenMLPrivateDatasetError):
        return "private"
    if isinstance(error, exceptions.OpenMLHashException):
        return "damaged"
    if isinstance(error, exceptions.OpenMLServerException):
        return "absent" if error.code in _ABSENT else "server"
    if isinstance(error, exceptions.OpenMLServerError):
        return "absent" if re.search(r"Status code: 40[14]", str(error)) else "server"
    if isinstance(error, Unreachable | Timeout):
        # requests tells an answer that was cut by the same class as a server that is gone
        return "damaged" if "IncompleteRead" in str(error) else "unreachable"
    return "damaged" if "IncompleteRead" in str(error) else "server"


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    answer = main(asked)
    (Path(asked["folder"]) / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
