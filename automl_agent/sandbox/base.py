"""The sandbox's contract: a call goes in, an outcome comes out.

Generated code that fails, hangs, dies or answers rubbish is an `Outcome`; only a sandbox that
cannot start at all raises `SandboxUnavailableError`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Status = Literal["ok", "error", "timeout", "memory", "died", "cancelled", "invalid"]

DEFAULT_WALL_SECONDS = 60.0
DEFAULT_FILE_BYTES = 4 * 1024**3

# no user site, no script folder on the path, no bytecode; not -I, which would make Python ignore
# the PYTHON* variables of the environment that `worker_environment` builds
PYTHON_OPTIONS = ("-s", "-P", "-B")


@dataclass(frozen=True)
class Limits:
    """What one call may use.

    Attributes:
        wall_seconds: time until the call and everything it started is killed.
        memory_bytes: memory on top of the warm process; None is unlimited.
        threads: threads that the libraries' pools are set to.
        file_bytes: largest file the call may write.
    """

    wall_seconds: float = DEFAULT_WALL_SECONDS
    memory_bytes: int | None = None
    threads: int = 1
    file_bytes: int = DEFAULT_FILE_BYTES

    def to_dict(self) -> dict[str, float | int | None]:
        """The form in which the worker reads them."""
        return {
            "wall_seconds": self.wall_seconds,
            "memory_bytes": self.memory_bytes,
            "threads": self.threads,
            "file_bytes": self.file_bytes,
        }


@dataclass(frozen=True)
class Call:
    """One piece of work for the worker: `op` and `fields` as JSON, `blobs` as raw bytes."""

    op: Literal["space", "scenario", "fit", "predict"]
    fields: Mapping[str, Any]
    blobs: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class CodeFrame:
    """One line of a traceback inside generated code."""

    file: str
    line: int
    name: str
    text: str


@dataclass(frozen=True)
class CodeError:
    """An exception that generated code raised, as data."""

    type: str
    message: str
    frames: tuple[CodeFrame, ...] = ()

    @property
    def headline(self) -> str:
        """Type and first line of the message."""
        first = self.message.strip().splitlines()[0] if self.message.strip() else ""
        return f"{self.type}: {first}" if first else self.type


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    Attributes:
        status: "ok", or how it failed.
        stage: what the generated code did last: import, train, predict, pickle, call or sample.
        value: the JSON part of the answer; empty unless status is "ok".
        blobs: the binary part of the answer.
        error: the exception, when status is "error".
        reason: one line in words when status is not "ok".
        seconds: wall time of the call, start and clean-up of its process included.
        log: the last output of the generated code.
    """

    status: Status
    stage: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    blobs: tuple[bytes, ...] = ()
    error: CodeError | None = None
    reason: str = ""
    seconds: float = 0.0
    log: str = ""

    @property
    def ok(self) -> bool:
        """Whether the call returned an answer."""
        return self.status == "ok"

    def prediction(self, n_rows: int) -> NDArray[np.float64]:
        """The predictions of a "fit" or "predict" call.

        Returns:
            `(n_rows, K)` probabilities or `(n_rows,)` values, or whatever shape generated code
            gave them: checking it is the task's part.

        Raises:
            ValueError: the bytes do not fit the declared shape.
        """
        shape = self.value.get("shape")
        if not isinstance(shape, list) or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
            raise ValueError(f"no usable shape for {n_rows} predictions")
        if not self.blobs or len(self.blobs[0]) != math.prod(shape) * 8:
            raise ValueError(f"the bytes of the {n_rows} predictions do not fit their shape")
        return np.frombuffer(self.blobs[0], dtype=np.float64).reshape(shape)


class Sandbox(Protocol):
    """A warm worker that runs one call at a time; other threads may `cancel` it or `close` it."""

    @property
    def tier(self) -> str:
        """Name of the tier of containment."""
        ...

    def run(self, call: Call, limits: Limits, cancelled: threading.Event | None = None) -> Outcome:
        """Run one call to its end.

        Args:
            call: what to do.
            limits: what it may use.
            cancelled: set before `cancel` is called by whoever may end this call early; a call
                that finds it set ends at once.

        Raises:
            SandboxUnavailableError: the worker could not be started.
        """
        ...

    def preload(self, modules: tuple[str, ...]) -> None:
        """Import library modules into the warm process, so that calls find them loaded.

        Raises:
            SandboxUnavailableError: the worker could not be started.
        """
        ...

    def cancel(self) -> None:
        """End the running call, if any, at once; may be called from another thread."""
        ...

    def close(self) -> None:
        """Kill the worker and everything it started."""
        ...


@dataclass(frozen=True)
class Mounts:
    """Folders and files that a worker sees, as host paths.

    Attributes:
        worker: the worker's source file.
        data: read-only folder with the table, or None.
        scratch: the one writable folder; emptied after every call.
    """

    worker: Path
    data: Path | None
    scratch: Path


@dataclass(frozen=True)
class Launch:
    """How a tier starts the worker, and where the worker finds things.

    Attributes:
        command: program and arguments.
        environment: the whole environment of that program.
        data: folder of the table as the worker sees it, or None.
        scratch: scratch folder as the worker sees it.
        wipe: other folders that calls can write to and no one else does.
        private_pids: whether the worker has process ids and System V objects of its own, and all
            that it may kill or remove is its calls'.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    data: str | None
    scratch: str
    wipe: tuple[str, ...] = ()
    private_pids: bool = False


class Tier(Protocol):
    """A way of containing the worker."""

    @property
    def name(self) -> str:
        """Its name in reports."""
        ...

    @property
    def warning(self) -> str:
        """What a user should know about its weaknesses; "" when there is nothing to warn of."""
        ...

    def launch(self, mounts: Mounts) -> Launch:
        """The command that starts the worker with those mounts."""
        ...


def worker_environment(scratch: str) -> dict[str, str]:
    """The whole environment of a worker: built from nothing, so that no key can be in it.

    The libraries' thread pools are loaded with one thread, since the warm process forks; each call
    raises the number to its own.
    """
    one = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
    )
    return {
        **one,
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "HOME": scratch,
        "LANG": "C.UTF-8",
        "LOGNAME": "sandbox",
        "OMP_WAIT_POLICY": "PASSIVE",  # idle threads sleep: the cores are shared
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "ignore",
        "TMPDIR": scratch,
        "USER": "sandbox",
    }
