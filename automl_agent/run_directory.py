"""What lies where under logs/<run>/, and whether the run is still alive.

run.json           what was asked, what was decided and by whom, versions, sandbox tier
status.json        running | finished | failed | interrupted, and why
lock               held by the process that works on the run
schema.json        columns, classes and task: what predicting needs
metadata.json      the dataset's description, as the model saw it
code/              config_space.py, train.py, scenario.py that were used
attempts/          every reply of the model, with its error if it had one
attempts.jsonl     one line per attempt
llm_calls.jsonl    one line per call to the model
events.jsonl       every ask, fit and tell
incumbents.jsonl   every new best trial
predictions/       out-of-fold predictions of every finished trial
models/            fold models of the best trials
model/             the final model
smac/              SMAC's own files
result.json        the outcome
work/              tables and scratch folders of the sandbox; gone when the run ends
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import fcntl
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from automl_agent.exceptions import InputError, RunDirectoryError
from automl_agent.json_lines import unwritable, write_bytes, write_json

STATES = ("running", "finished", "failed", "interrupted", "killed")
_NAME = re.compile(r"[\w][\w.+-]*")
_USUAL_LOGS = Path("logs")
_MARKS = {"created", "version", "asked"}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@dataclass(frozen=True)
class RunDirectory:
    """One run's folder; see the module's docstring for what is in it."""

    path: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @classmethod
    def create(cls, logs: Path, name: str) -> RunDirectory:
        """Make a new run directory.

        Raises:
            InputError: the name is taken or unusable, or the folder cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise InputError(
                f"unusable run name {name!r}", "use letters, digits, dots, dashes and underscores"
            )
        path = logs.absolute() / name
        try:
            path.mkdir(parents=True)
            (path / "lock").touch()
        except FileExistsError as error:
            if path.is_dir():
                raise InputError(
                    f"a run named {name!r} exists already in {logs}",
                    "choose another --name, or remove it: "
                    f"automl-agent runs rm {_shown(name, logs)}",
                ) from error
            raise InputError(f"{path} exists and is no run", "choose another --name") from error
        except NotADirectoryError as error:
            raise InputError(
                f"{logs} is not a folder", "choose a folder for the runs with --logs"
            ) from error
        except OSError as error:
            hint = "choose another folder with --logs"
            if error.errno == errno.ENAMETOOLONG:
                hint = "choose a shorter --name"
            raise InputError(
                f"cannot make a run directory in {logs}: {error.strerror}", hint
            ) from error
        return cls(path)

    @classmethod
    def find(cls, run: str | Path, logs: Path) -> RunDirectory:
        """A run by its name below `logs`, or by its path.

        Raises:
            InputError: there is no such run.
        """
        for path in (logs / run, Path(run)):
            with contextlib.suppress(OSError):  # a name that is too long, for one
                if _is_run(path):
                    return cls(path.absolute())
        names = [found.name for found in cls.all(logs)]
        near = difflib.get_close_matches(str(run), names, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise InputError(
            f"there is no run {str(run)!r} in {logs}",
            f"{guess}see: automl-agent runs list{_logs_option(logs)}",
        )

    @classmethod
    def all(cls, logs: Path) -> Iterator[RunDirectory]:
        """Every run below `logs`, oldest first; none where there is no such folder.

        Raises:
            InputError: `logs` is a file.
        """
        if logs.is_file():
            raise InputError(f"{logs} is not a folder", "name the folder of the runs with --logs")
        with contextlib.suppress(OSError):
            found = [entry for entry in logs.iterdir() if _is_run(entry)]
            for path in sorted(found, key=lambda p: (p / "run.json").stat().st_mtime):
                yield cls(path.absolute())

    # ----------------------------------------------------------------------------- files

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write(self, name: str, value: Any) -> None:
        """Write a JSON file of the run in one step."""
        write_json(self.path / name, value)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the run in one step."""
        write_bytes(self.path / name, text.encode())

    def read(self, name: str) -> dict[str, Any]:
        """Read a JSON file of the run.

        Raises:
            RunDirectoryError: it is missing or damaged.
        """
        try:
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunDirectoryError(f"run {self.name} has no {name}") from error
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"{self.path / name} cannot be read: {error}") from error
        if not isinstance(value, dict):
            raise RunDirectoryError(f"{self.path / name} holds no JSON object")
        return value

    # ----------------------------------------------------------------------------- state

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run while working on it; the lock goes with the process, however it ends."""
        try:
            stream = (self.path / "lock").open("w")
        except OSError as error:
            raise unwritable(self.path / "lock", error) from error
        with stream:
            if not _lock(stream):
                raise InputError(f"run {self.name} is being worked on by another process")
            yield

    @contextlib.contextmanager
    def recorded(self) -> Iterator[None]:
        """Hold the run, and keep its state in step with what happens to it.

        A run that ends before it has described itself leaves nothing behind.

        Raises:
            RunDirectoryError: the disk is full, whoever noticed it.
        """
        try:
            with self.locked():
                self.set_state("running")
                try:
                    yield
                except BaseException as error:
                    self.clear_work()  # first of all: it makes room on a full disk
                    self._set_end(error)
                    raise
                self.clear_work()
                self.set_state("finished")
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            raise unwritable(Path(error.filename or self.path), error) from error
        finally:
            if not (self.path / "run.json").exists():
                shutil.rmtree(self.path, ignore_errors=True)

    def _set_end(self, error: BaseException) -> None:
        interrupted = isinstance(error, KeyboardInterrupt)
        reason = "by the user" if interrupted else str(error) or type(error).__name__
        with contextlib.suppress(RunDirectoryError):  # the disk may still be full
            self.set_state("interrupted" if interrupted else "failed", reason)

    def set_state(self, state: str, reason: str = "") -> None:
        """Write down how the run stands."""
        self.write("status.json", {"state": state, "reason": reason, "pid": os.getpid()})

    def state(self) -> tuple[str, str]:
        """The run's state and reason; a run whose process is gone without a word was killed."""
        try:
            status = self.read("status.json")
        except RunDirectoryError:
            return "killed", ""
        state, reason = str(status.get("state")), str(status.get("reason", ""))
        if state == "running" and not self._alive():
            return "killed", "its process ended without a word"
        return state, reason

    def _alive(self) -> bool:
        try:
            with (self.path / "lock").open() as stream:
                return not _lock(stream, fcntl.LOCK_SH)  # two onlookers do not exclude each other
        except PermissionError:
            return True  # it cannot be told, and what may be alive is not to be removed
        except OSError:
            return False

    def remove(self) -> None:
        """Delete the run.

        Raises:
            InputError: it is running, or it is no run of ours after all.
            RunDirectoryError: it cannot be deleted.
        """
        if not self.read("run.json").keys() >= _MARKS:
            raise InputError(f"{self.path} is not a run of automl-agent")
        if self.state()[0] == "running":
            raise InputError(f"run {self.name} is still running", "wait for its end, or stop it")
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            raise RunDirectoryError(f"cannot remove {self.path}: {error.strerror}") from error

    def clear_work(self) -> None:
        """Remove the sandbox's tables and scratch folders."""
        shutil.rmtree(self.path / "work", ignore_errors=True)


def _logs_option(logs: Path) -> str:
    return "" if logs == _USUAL_LOGS else f" --logs {shlex.quote(str(logs))}"


def _shown(name: str, logs: Path) -> str:
    """A run and its folder as a command line has them."""
    return shlex.quote(name) + _logs_option(logs)


def _is_run(path: Path) -> bool:
    return (path / "run.json").is_file() and (path / "lock").is_file()


def _lock(stream: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(stream, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
