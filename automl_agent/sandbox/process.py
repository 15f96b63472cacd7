"""Our side of the pipes: starts the worker, sends calls, reads and checks what comes back.

A worker that dies, overruns or answers rubbish is killed and replaced at the next call; the call
itself becomes an `Outcome`.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from automl_agent.exceptions import SandboxUnavailableError
from automl_agent.sandbox.base import (
    Call,
    CodeError,
    CodeFrame,
    Launch,
    Limits,
    Mounts,
    Outcome,
    Tier,
)
from automl_agent.sandbox.worker import empty_folder, kill_descendants

WORKER = Path(__file__).with_name("worker.py")
TABLE = "table.arrow"
START_SECONDS = 120.0
GRACE_SECONDS = 5.0
REMOVAL_SECONDS = 3.0
LONGEST_WAIT = 3600.0
MAX_HEADER = 16 * 1024 * 1024
MAX_REPLY = 2 * 1024**3 + MAX_HEADER
MAX_MESSAGE, MAX_FRAMES = 4000, 8

_LENGTH = struct.Struct(">I")


@cache
def _spawner() -> ThreadPoolExecutor:
    """The one thread that starts workers.

    A worker dies with the thread that started it (PR_SET_PDEATHSIG means the thread, not the
    process), and it may be replaced from a thread that ends long before the run does.
    """
    os.register_at_fork(after_in_child=_spawner.cache_clear)  # threads do not survive a fork
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
        self._busy = threading.RLock()  # held by whoever uses the worker; closing waits for it
        self._writing = threading.Lock()  # held while writing, and while the pipe is closed
        self._running: int | None = None
        self._cancelled: int | None = None
        self._closed = threading.Event()

    @property
    def tier(self) -> str:
        """Name of the tier of containment."""
        return self._tier.name

    def start(self) -> None:
        """Start the warm process without waiting until it is ready.

        Raises:
            SandboxUnavailableError: the command cannot be started, or the sandbox is closed.
        """
        with self._busy:
            if self._closed.is_set():
                raise SandboxUnavailableError("the sandbox was closed")
            if self._process is not None:
                if self._process.poll() is None:
                    return
                self._kill()  # it died between two calls, for which the next is not to blame
            if not self._remove_scratch():
                raise SandboxUnavailableError(f"the folder {self._scratch} cannot be emptied")
            launch = self._tier.launch(Mounts(WORKER, self._data, self._scratch))
            try:
                self._scratch.mkdir(parents=True)
                self._process = self._spawn(launch)
            except OSError as error:
                raise SandboxUnavailableError(f"the sandbox cannot be started: {error}") from error
            self._greeted = False
            hello = {
                "table": None if launch.data is None else f"{launch.data}/{TABLE}",
                "preload": ["numpy", "pandas", "pyarrow", "cloudpickle", *self._preload],
                "scratch": launch.scratch,
                "wipe": list(launch.wipe),
                "private_pids": launch.private_pids,
            }
            # if it is gone already, the wait for its greeting says why
            with contextlib.suppress(BrokenPipeError, BrokenWorkerError):
                self._send(hello, time.monotonic() + GRACE_SECONDS)
            if self._closed.is_set():  # while it was being started
                self._kill()

    def preload(self, modules: tuple[str, ...]) -> None:
        """Import library modules into the warm process; see `Sandbox.preload`."""
        with self._busy:
            before = self._preload
            new = [m for m in modules if m not in before]
            if not new:
                return
            self._preload = (*before, *new)
            if self._process is None:
                return
            self._await_greeting()
            deadline = time.monotonic() + START_SECONDS
            try:
                self._send({"op": "preload", "modules": new}, deadline)
                self._read_frame(deadline)
            except (BrokenWorkerError, BrokenPipeError):
                self._preload = before  # they may be what broke it
                self._kill()

    def run(self, call: Call, limits: Limits, cancelled: threading.Event | None = None) -> Outcome:
        """Run one call to its end; see `Sandbox.run`."""
        with self._busy:
            if cancelled is not None and cancelled.is_set():
                return Outcome("cancelled", reason="cancelled")
            self.start()
            self._await_greeting()
            self._next_id += 1
            self._running = self._next_id
            try:
                return self._converse(call, limits, cancelled)
            except BaseException:
                self._kill()  # an answer that nobody waits for would be taken for the next call's
                raise
            finally:
                self._running = None

    def cancel(self) -> None:
        """End the running call, if any, at once; may be called from another thread."""
        number = self._running
        if number is None:
            return
        self._cancelled = number
        # whoever is writing looks at what was just noted when it has finished
        if self._writing.acquire(blocking=False):
            try:
                with contextlib.suppress(BrokenWorkerError, OSError):
                    deadline = time.monotonic() + GRACE_SECONDS
                    self._write(_frame_parts({"op": "cancel", "id": number}), deadline)
            finally:
                self._writing.release()

    def close(self) -> None:
        """Kill the worker and everything it started, and remove its scratch folder.

        A call that runs in another thread ends as cancelled.
        """
        self._closed.set()
        process = self._process
        if process is not None:
            _end(process)  # whoever is using it finds it gone and lets go of its pipes
        with self._busy:
            self._kill()
            self._remove_scratch()
            self._errors.unlink(missing_ok=True)

    # ------------------------------------------------------------------------------- one call

    def _converse(self, call: Call, limits: Limits, cancelled: threading.Event | None) -> Outcome:
        number = self._next_id
        request = {**call.fields, "op": call.op, "id": number, "limits": limits.to_dict()}
        started = time.monotonic()
        deadline = started + limits.wall_seconds + GRACE_SECONDS
        try:
            with contextlib.suppress(BrokenPipeError):  # its last words may be there to be read
                self._send(request, deadline, call.blobs)
            if self._cancelled == number or (cancelled is not None and cancelled.is_set()):
                self.cancel()  # it was asked for before there was a call to end
            header, blobs = self._read_frame(deadline)
            if header.get("id") != number:
                raise BrokenWorkerError("it answered another call")  # noqa: TRY301
        except BrokenWorkerError as error:
            self._kill()
            seconds = time.monotonic() - started
            if self._closed.is_set():
                return Outcome("cancelled", reason="cancelled", seconds=seconds)
            if time.monotonic() >= deadline:
                return Outcome("timeout", reason=_over_time(limits), seconds=seconds)
            reason = f"the process that ran it was destroyed ({error})"
            return Outcome("died", reason=reason, seconds=seconds)
        if header.get("leaving"):
            self._kill()
        return _outcome(header, blobs, limits)

    # ------------------------------------------------------------------------------- the process

    @property
    def _errors(self) -> Path:
        return self._scratch.with_name(f"{self._scratch.name}.stderr")

    def _spawn(self, launch: Launch) -> subprocess.Popen[bytes]:
        with self._errors.open("wb") as errors:

            def spawn() -> subprocess.Popen[bytes]:
                return subprocess.Popen(
                    launch.command,
                    env=dict(launch.environment),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    bufsize=0,
                    start_new_session=True,
                )

            process = _spawner().submit(spawn).result()
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        return process

    def _await_greeting(self) -> None:
        if self._greeted:
            return
        try:
            self._read_frame(time.monotonic() + START_SECONDS)
        except BrokenWorkerError as error:
            self._kill()
            if self._closed.is_set():
                raise SandboxUnavailableError("the sandbox was closed") from error
            tail = ""
            with contextlib.suppress(OSError):
                tail = self._errors.read_text(errors="replace").strip()
            last = tail.splitlines()[-1] if tail else str(error)
            raise SandboxUnavailableError(
                f"the {self.tier} sandbox did not start: {last}"
            ) from error
        self._greeted = True

    def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        _end(process)
        with self._writing:
            self._process = None
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _remove_scratch(self) -> bool:
        """Remove the scratch folder; a killed sandbox may write to it for a moment longer."""
        deadline = time.monotonic() + REMOVAL_SECONDS
        while os.path.lexists(self._scratch):
            if empty_folder(str(self._scratch)):
                with contextlib.suppress(OSError):
                    self._scratch.rmdir()
            elif time.monotonic() >= deadline:
                return False
            else:
                time.sleep(0.02)
        return True

    # ------------------------------------------------------------------------------- pipes

    def _send(
        self, header: Mapping[str, Any], deadline: float, blobs: tuple[bytes, ...] = ()
    ) -> None:
        parts = _frame_parts(header, blobs)
        with self._writing:
            self._write(parts, deadline)

    def _write(self, parts: Iterable[bytes], deadline: float) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise BrokenWorkerError("it is not running")
        fd = process.stdin.fileno()
        for part in parts:
            view = memoryview(part)
            while view:
                _wait(fd, select.POLLOUT, deadline)
                with contextlib.suppress(BlockingIOError):
                    view = view[os.write(fd, view) :]

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
            _wait(fd, select.POLLIN, deadline)
            part = os.read(fd, min(size, 1 << 20))
            if not part:
                raise BrokenWorkerError("it ended unexpectedly")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _frame_parts(header: Mapping[str, Any], blobs: tuple[bytes, ...] = ()) -> tuple[bytes, ...]:
    head = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode()
    return (_LENGTH.pack(len(head)) + head, *blobs)


def _wait(fd: int, event: int, deadline: float) -> None:
    """Wait until a pipe is ready; poll(), since select() refuses descriptors above 1023."""
    poll = select.poll()
    poll.register(fd, event)
    while True:
        left = min(deadline - time.monotonic(), LONGEST_WAIT)
        if left <= 0:
            raise BrokenWorkerError("it did not answer in time")
        if poll.poll(math.ceil(left * 1000)):
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a worker and all that it started.

    It is stopped first: a bwrap that is killed while it starts its child may leave that behind.
    """
    process.send_signal(signal.SIGSTOP)
    kill_descendants(process.pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


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
    except (LookupError, ArithmeticError, ValueError, TypeError, RecursionError, struct.error):
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
    json.dumps(header, ensure_ascii=False).encode()  # ValueError: text that no file would take
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
        for f in data["frames"][:MAX_FRAMES]
    )
    return CodeError(str(data["type"])[:200], str(data["message"])[:MAX_MESSAGE], frames)
