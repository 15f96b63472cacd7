"""Our side of the pipes: starts the worker, sends calls, reads and checks what comes back.

A worker that dies, overruns or answers rubbish is killed and replaced at the next call; the call
itself becomes an `Outcome`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

from automl_agent.exceptions import SandboxUnavailableError
from automl_agent.sandbox.base import Call, CodeError, CodeFrame, Limits, Mounts, Outcome, Tier

WORKER = Path(__file__).with_name("worker.py")
TABLE = "table.arrow"
START_SECONDS = 120.0
GRACE_SECONDS = 5.0
MAX_HEADER = 16 * 1024 * 1024
MAX_REPLY = 2 * 1024**3 + MAX_HEADER

_LENGTH = struct.Struct(">I")


@cache
def _spawner() -> ThreadPoolExecutor:
    """The one thread that starts workers.

    A worker dies with the thread that started it (PR_SET_PDEATHSIG means the thread, not the
    process), and it may be replaced from a thread that ends long before the run does.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-spawner")


class BrokenWorkerError(Exception):
    """The worker is gone, late or talks rubbish; it never leaves this module."""


class WorkerProcess:
    """A `Sandbox` around one warm process.

    Args:
        tier: how the process is contained.
        data: folder with `table.arrow`, or None for calls that need no table.
        scratch: folder of this worker's own; created, emptied and removed by it.
        preload: library modules that the warm process imports before its first call.
    """

    def __init__(
        self, tier: Tier, *, data: Path | None, scratch: Path, preload: tuple[str, ...] = ()
    ) -> None:
        self._tier = tier
        self._data = data
        self._scratch = scratch
        self._preload = preload
        self._process: subprocess.Popen[bytes] | None = None
        self._greeted = False
        self._next_id = 0
        self._writing = threading.Lock()
        self._running = False
        self._closed = False

    @property
    def tier(self) -> str:
        """Name of the tier of containment."""
        return self._tier.name

    def start(self) -> None:
        """Start the warm process without waiting until it is ready.

        Raises:
            SandboxUnavailableError: the command cannot be started.
        """
        if self._process is not None:
            return
        self._scratch.mkdir(parents=True, exist_ok=True)
        launch = self._tier.launch(Mounts(WORKER, self._data, self._scratch))
        errors = self._scratch.with_suffix(".stderr")
        try:
            with errors.open("wb") as stderr:
                spawn = partial(
                    subprocess.Popen,
                    launch.command,
                    env=dict(launch.environment),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    bufsize=0,
                    start_new_session=True,
                )
                self._process = _spawner().submit(spawn).result()
        except OSError as error:
            raise SandboxUnavailableError(f"the sandbox cannot be started: {error}") from error
        self._greeted = False
        table = None if launch.data is None else f"{launch.data}/{TABLE}"
        hello = {
            "table": table,
            "preload": ["numpy", "pandas", "pyarrow", "cloudpickle", *self._preload],
            "scratch": launch.scratch,
            "wipe": list(launch.wipe),
            "private_pids": launch.private_pids,
        }
        with contextlib.suppress(BrokenPipeError):  # then the wait for its greeting says why
            self._send(hello)

    def preload(self, modules: tuple[str, ...]) -> None:
        """Import library modules into the warm process, so that calls find them loaded."""
        new = tuple(m for m in modules if m not in self._preload)
        if not new:
            return
        self._preload += new
        if self._process is not None:
            try:
                self._await_greeting()
                self._send({"op": "preload", "modules": list(new)})
                self._read_frame(time.monotonic() + START_SECONDS)
            except (BrokenWorkerError, BrokenPipeError):
                self._kill()

    def run(
        self, call: Call, limits: Limits, cancelled: threading.Event | None = None
    ) -> Outcome:
        """Run one call to its end; see `Sandbox.run`."""
        self.start()
        self._await_greeting()
        self._next_id += 1
        request = {**call.fields, "op": call.op, "id": self._next_id, "limits": limits.to_dict()}
        started = time.monotonic()
        deadline = started + limits.wall_seconds + GRACE_SECONDS
        self._running = True
        try:
            self._send(request, call.blobs)
            if cancelled is not None and cancelled.is_set():
                self.cancel()  # it was asked for before there was a call to end
            header, blobs = self._read_frame(deadline)
            if header.get("id") != self._next_id:
                raise BrokenWorkerError("it answered another call")  # noqa: TRY301
            return _outcome(header, blobs, limits)
        except (BrokenWorkerError, BrokenPipeError) as error:
            self._kill()
            seconds = time.monotonic() - started
            if self._closed:
                return Outcome("cancelled", reason="cancelled", seconds=seconds)
            if time.monotonic() >= deadline:
                return Outcome("timeout", reason=_over_time(limits), seconds=seconds)
            reason = f"the process that ran it was destroyed ({error})"
            return Outcome("died", reason=reason, seconds=seconds)
        finally:
            self._running = False

    def cancel(self) -> None:
        """End the running call, if any, at once; may be called from another thread."""
        if self._running:
            with contextlib.suppress(BrokenPipeError, BrokenWorkerError, OSError):
                self._send({"op": "cancel"})

    def close(self) -> None:
        """Kill the worker and everything it started, and remove its scratch folder."""
        self._closed = True
        self._kill()
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.with_suffix(".stderr").unlink(missing_ok=True)

    # ------------------------------------------------------------------------------- pipes

    def _await_greeting(self) -> None:
        if self._greeted:
            return
        try:
            self._read_frame(time.monotonic() + START_SECONDS)
        except BrokenWorkerError as error:
            self._kill()
            if self._closed:
                raise SandboxUnavailableError("the sandbox was closed") from error
            tail = self._scratch.with_suffix(".stderr").read_text(errors="replace").strip()
            last = tail.splitlines()[-1] if tail else str(error)
            raise SandboxUnavailableError(
                f"the {self.tier} sandbox did not start: {last}"
            ) from error
        self._greeted = True

    def _send(self, header: Mapping[str, Any], blobs: tuple[bytes, ...] = ()) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise BrokenWorkerError("it is not running")
        head = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode()
        with self._writing:
            for part in (_LENGTH.pack(len(head)) + head, *blobs):
                view = memoryview(part)
                while view:
                    view = view[os.write(process.stdin.fileno(), view) :]

    def _read_frame(self, deadline: float) -> tuple[dict[str, Any], list[bytes]]:
        (size,) = _LENGTH.unpack(self._read_exactly(_LENGTH.size, deadline))
        if size > MAX_HEADER:
            raise BrokenWorkerError("its reply is too large")
        try:
            header = json.loads(self._read_exactly(size, deadline))
            sizes = [int(n) for n in header["blobs"]]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise BrokenWorkerError("its reply cannot be read") from error
        if sum(sizes) > MAX_REPLY or min(sizes, default=0) < 0:
            raise BrokenWorkerError("its reply is too large")
        return header, [self._read_exactly(n, deadline) for n in sizes]

    def _read_exactly(self, size: int, deadline: float) -> bytes:
        process = self._process
        if process is None or process.stdout is None:
            raise BrokenWorkerError("it is not running")
        fd = process.stdout.fileno()
        parts: list[bytes] = []
        while size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise BrokenWorkerError("it did not answer in time")
            part = os.read(fd, min(size, 1 << 20))
            if not part:
                raise BrokenWorkerError("it ended unexpectedly")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _over_time(limits: Limits) -> str:
    return f"took longer than {limits.wall_seconds:.3g} s"


def _outcome(header: Mapping[str, Any], blobs: list[bytes], limits: Limits) -> Outcome:
    """Translate the warm process's report; everything in the payload is untrusted."""
    stage, log = str(header.get("stage", "")), str(header.get("log", ""))
    seconds = float(header.get("seconds", 0.0))

    def failed(status: Any, reason: str, error: CodeError | None = None) -> Outcome:
        return Outcome(status, stage, error=error, reason=reason, seconds=seconds, log=log)

    match header.get("outcome"):
        case "returned":
            pass
        case "timeout":
            return failed("timeout", _over_time(limits))
        case "cancelled":
            return failed("cancelled", "cancelled")
        case "overflow":
            return failed("invalid", "the answer is larger than 2 GiB")
        case _:
            return failed("died", _death(header.get("exit_code")))
    try:
        answer, parts = _parse_payload(blobs[0])
        if answer.get("memory"):
            return failed("memory", _out_of_memory(limits))
        if not answer["ok"]:
            error = _code_error(answer["error"])
            if error.type == "MemoryError" or "bad_alloc" in error.message:
                return failed("memory", _out_of_memory(limits))
            return failed("error", error.headline, error)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, struct.error):
        return failed("invalid", "the process answered something unreadable")
    return Outcome("ok", stage, answer, tuple(parts), seconds=seconds, log=log)


def _out_of_memory(limits: Limits) -> str:
    limit = limits.memory_bytes
    return "ran out of memory" + (f" (limit {limit / 2**30:.1f} GiB)" if limit else "")


def _death(exit_code: Any) -> str:
    if isinstance(exit_code, int) and exit_code < 0:
        with contextlib.suppress(ValueError):
            return f"the process was killed by {signal.Signals(-exit_code).name}"
    return f"the process ended without an answer (exit code {exit_code})"


def _parse_payload(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    (size,) = _LENGTH.unpack_from(data)
    if size > MAX_HEADER:
        raise ValueError("header too large")
    header = json.loads(data[_LENGTH.size : _LENGTH.size + size])
    position, parts = _LENGTH.size + size, []
    for length in header["blobs"]:
        if not isinstance(length, int) or length < 0 or position + length > len(data):
            raise ValueError("blob lengths do not fit")
        parts.append(data[position : position + length])
        position += length
    return header, parts


def _code_error(data: Mapping[str, Any]) -> CodeError:
    frames = tuple(
        CodeFrame(str(f["file"]), int(f["line"] or 0), str(f["name"]), str(f["text"]))
        for f in data["frames"]
    )
    return CodeError(str(data["type"]), str(data["message"]), frames)
