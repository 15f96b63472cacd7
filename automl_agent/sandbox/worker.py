"""The process in which generated code runs. One file that imports nothing of ours.

The **warm** process imports the libraries, maps the table and then forks once per call. It reads a
call's header but never its blobs: the fork reads those (training labels among them) from the
request pipe itself, runs the generated code, and sends one payload back. Afterwards the warm
process kills everything that the fork left behind and removes every file it could have written.

Frames, on both pipes: 4 bytes of length (big endian), a JSON header, then the blobs whose lengths
the header lists under "blobs". Standard input carries requests, standard output replies.

    first request   {"table": path | null, "preload": [...], "scratch": path, "wipe": [...],
                     "private_pids": bool}                   -> {"ready": true}
    {"op": "preload", "modules": [...]}                      -> {"ready": true, "missing": [...]}
    {"op": "space" | "scenario" | "fit" | "predict", "id": n, "limits": {...}, ...}
                     -> {"id": n, "outcome": ..., "stage": ..., "seconds": ..., "log": ...,
                         "leaving": bool} + payload; "leaving": start another worker
    {"op": "cancel", "id": n} while call n runs: it ends at once with the outcome "cancelled"
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import linecache
import os
import resource
import select
import signal
import stat
import struct
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Header = dict[str, Any]
Answer = tuple[Header, Sequence[bytes]]
Stage = Callable[[bytes], object]

MAX_HEADER = 16 * 1024 * 1024
MAX_PAYLOAD = 2 * 1024 * 1024 * 1024
LOG_TAIL = 8 * 1024
SPACE_SAMPLES = 100
LONGEST_WAIT = 3600.0  # select() refuses very long time-outs
LENGTH = struct.Struct(">I")
TOTAL = struct.Struct(">Q")
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
IPC_RMID = 0
STAGES = {
    b"i": "import",
    b"t": "train",
    b"p": "predict",
    b"s": "pickle",
    b"c": "call",
    b"v": "sample",
}


# ---------------------------------------------------------------------------------------- frames


def read_exactly(fd: int, size: int) -> bytes:
    """Return `size` bytes; raises EOFError when the other side is gone."""
    parts: list[bytes] = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write everything, however small the pipe is."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_header(fd: int) -> Header:
    """Read the header of a frame, leaving its blobs in the pipe."""
    (size,) = LENGTH.unpack(read_exactly(fd, LENGTH.size))
    if size > MAX_HEADER:
        raise ValueError("header too large")
    header: Header = json.loads(read_exactly(fd, size))
    return header


def head_of(header: Header, blobs: Sequence[bytes | memoryview] = ()) -> bytes:
    """The first part of a frame; the blobs follow it."""
    head = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode()
    return LENGTH.pack(len(head)) + head


# ----------------------------------------------------------------------- what runs in the fork


class RecordingConfig(dict[str, Any]):
    """A configuration that remembers which hyperparameters were read."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.seen: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.seen.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.seen.add(str(key))
        return super().__contains__(key)

    # with __iter__ overridden, dict(config) and **config read through keys() and __getitem__
    def __iter__(self) -> Any:
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        """As in dict; counts as read."""
        self.seen.add(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """As in dict; counts as read."""
        self.seen.add(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """As in dict; counts as read."""
        self.seen.add(key)
        return super().setdefault(key, default)

    def items(self) -> Any:
        """As in dict; everything counts as read."""
        self.seen.update(super().keys())
        return super().items()

    def values(self) -> Any:
        """As in dict; everything counts as read."""
        self.seen.update(super().keys())
        return super().values()

    def copy(self) -> dict[str, Any]:
        """A plain dict; everything counts as read."""
        return dict(self.items())


def load_module(name: str, source: str) -> types.ModuleType:
    """Run generated source as module `name`, so that tracebacks show its lines."""
    filename = f"{name}.py"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = types.ModuleType(name)
    module.__file__ = filename
    sys.modules[name] = module
    exec(compile(source, filename, "exec"), module.__dict__)
    if name == "train":
        import cloudpickle

        cloudpickle.register_pickle_by_value(module)
    return module


def plain(value: Any, other: Callable[[Any], object] = str) -> Any:
    """A JSON-safe copy of what generated code returned; numpy scalars become Python's.

    What JSON has no form for is passed to `other`.
    """
    if isinstance(value, dict):
        return {str(key): plain(item, other) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item, other) for item in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return other(value)


def refuse(value: object) -> NoReturn:
    """Raise for a value in a space that would cross back as its printed form."""
    raise TypeError(
        f"the space holds {value!r}, a {type(value).__name__}: values of hyperparameters must be "
        "numbers, strings or booleans"
    )


def call_space(request: Header, _blobs: list[bytes], _table: Any, stage: Stage) -> Answer:
    """Run config_space.py."""
    stage(b"i")
    module = load_module("config_space", request["source"])
    stage(b"c")
    space = module.get_configspace()
    if type(space).__name__ != "ConfigurationSpace":
        raise TypeError(
            f"get_configspace() must return a ConfigurationSpace, not {type(space).__name__}"
        )
    initial: Any = getattr(module, "get_initial_configurations", list)()
    if not isinstance(initial, list | tuple) or not all(isinstance(c, dict) for c in initial):
        raise TypeError("get_initial_configurations() must return a list of dicts")
    # a space that forbids nearly everything is sampled for ever: it must happen under our limits
    stage(b"v")
    space.sample_configuration(SPACE_SAMPLES)
    serialised = plain(space.to_serialized_dict(), refuse)
    return {"space": serialised, "initial": plain(initial, refuse)}, []


def call_scenario(request: Header, _blobs: list[bytes], _table: Any, stage: Stage) -> Answer:
    """Run scenario.py on a serialised space."""
    import dataclasses

    from ConfigSpace import ConfigurationSpace

    space = ConfigurationSpace.from_serialized_dict(request["space"])
    stage(b"i")
    module = load_module("scenario", request["source"])
    stage(b"c")
    scenario = module.get_scenario(space)
    if type(scenario).__name__ != "Scenario":
        raise TypeError(f"get_scenario() must return a Scenario, not {type(scenario).__name__}")
    fields = {
        field.name: getattr(scenario, field.name)
        for field in dataclasses.fields(scenario)
        if not field.name.startswith("_") and field.name not in ("configspace", "instance_features")
    }
    return {"fields": plain(fields)}, []


def predict(model: Any, X: pd.DataFrame, task: str) -> NDArray[np.float64]:
    """Predictions of `model` as a float64 array: (N, K) probabilities, or (N,) values."""
    import numpy as np

    if task == "classification":
        if not hasattr(model, "predict_proba"):
            raise TypeError(
                f"train() must return an estimator with predict_proba(X); "
                f"{type(model).__name__} has none"
            )
        prediction = model.predict_proba(X)
    else:
        if not hasattr(model, "predict"):
            raise TypeError(
                f"train() must return an estimator with predict(X); {type(model).__name__} has none"
            )
        prediction = model.predict(X)
    return np.ascontiguousarray(np.asarray(prediction), dtype=np.float64)


def rows_of(table: pd.DataFrame, blob: bytes) -> pd.DataFrame:
    """The rows of the table whose positions (int64) the blob lists."""
    import numpy as np

    return table.iloc[np.frombuffer(blob, dtype=np.int64)].reset_index(drop=True)


def call_fit(request: Header, blobs: list[bytes], table: Any, stage: Stage) -> Answer:
    """Blobs: training rows, their labels, rows to predict (int64, labels as declared)."""
    import numpy as np

    stage(b"i")
    module = load_module("train", request["source"])
    X = rows_of(table, blobs[0])
    y = np.frombuffer(blobs[1], dtype=request["label_dtype"]).copy()
    held_out = rows_of(table, blobs[2])
    config = RecordingConfig(request["config"])
    stage(b"t")
    started = time.perf_counter()
    model = module.train(config, X, y, seed=request["seed"], budget=request["budget"])
    fitted = time.perf_counter()
    stage(b"p")
    prediction = predict(model, held_out, request["task"])
    predicted = time.perf_counter()
    answer = {
        "shape": list(prediction.shape),
        "fit_seconds": fitted - started,
        "predict_seconds": predicted - fitted,
        "read": sorted(str(name) for name in config.seen),
    }
    payload = [prediction.tobytes()]
    if request["want_model"]:
        import cloudpickle

        stage(b"s")
        payload.append(cloudpickle.dumps(model))
    return answer, payload


def call_predict(request: Header, blobs: list[bytes], table: Any, stage: Stage) -> Answer:
    """Blobs: rows to predict (int64), the model as `call_fit` returned it."""
    import pickle

    stage(b"s")
    model = pickle.loads(blobs[1])
    stage(b"p")
    started = time.perf_counter()
    prediction = predict(model, rows_of(table, blobs[0]), request["task"])
    seconds = time.perf_counter() - started
    return {"shape": list(prediction.shape), "predict_seconds": seconds}, [prediction.tobytes()]


CALLS: dict[str, Callable[[Header, list[bytes], Any, Stage], Answer]] = {
    "space": call_space,
    "scenario": call_scenario,
    "fit": call_fit,
    "predict": call_predict,
}


def describe_error(error: BaseException) -> Header:
    """Type, message and the frames of generated code (else the innermost) of an exception."""
    frames: list[Header] = [
        {"file": entry.filename, "line": entry.lineno, "name": entry.name, "text": entry.line or ""}
        for entry in traceback.extract_tb(error.__traceback__)
        if entry.filename != __file__
    ]
    if isinstance(error, SyntaxError) and error.filename:
        text = (error.text or "").rstrip()
        frames = [{"file": error.filename, "line": error.lineno, "name": "", "text": text}]
    kept = [entry for entry in frames if os.sep not in entry["file"]][-6:]
    if frames and frames[-1] not in kept:
        kept.append(frames[-1])
    for entry in kept:
        entry["file"] = os.sep.join(entry["file"].split(os.sep)[-3:])
        entry["text"] = printable(entry["text"])[:LOG_TAIL]
    try:
        message = str(error)
        if error.__cause__ is not None:  # often the reason proper
            message += f"\ncaused by {type(error.__cause__).__name__}: {error.__cause__}"
    except BaseException:
        message = "(its message cannot be printed)"
    return {"type": type(error).__name__, "message": printable(message)[:4000], "frames": kept}


def printable(text: str) -> str:
    """The text without lone surrogates, which no file or terminal would take."""
    return text.encode("utf-8", "replace").decode()


def reseed() -> None:
    """Give this fork a random state of its own.

    Forks inherit numpy's global one: code that never seeds it would seem to be reproducible.
    """
    import numpy as np

    np.random.seed()


def lower_limit(which: int, value: int) -> None:
    """Set a resource limit, or leave it at the machine's own where that is lower."""
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def apply_limits(limits: Header) -> None:
    """Limit this process's memory, files and threads."""
    memory = limits.get("memory_bytes")
    if memory:
        size = 0
        with contextlib.suppress(OSError), open("/proc/self/statm") as statm:
            size = int(statm.read().split()[0]) * resource.getpagesize()
        if size:
            lower_limit(resource.RLIMIT_AS, size + memory)
    lower_limit(resource.RLIMIT_CORE, 0)
    if limits.get("file_bytes"):
        lower_limit(resource.RLIMIT_FSIZE, limits["file_bytes"])
    threads = int(limits.get("threads") or 1)
    for pool in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        os.environ[f"{pool}_NUM_THREADS"] = str(threads)
    os.environ["LOKY_MAX_CPU_COUNT"] = str(threads)
    if threads > 1:
        # the warm process loaded its pools with one thread, so that it can fork
        from threadpoolctl import threadpool_limits

        threadpool_limits(limits=threads)


def run_in_fork(
    request: Header,
    table: pd.DataFrame | None,
    requests_fd: int,
    payload_fd: int,
    log_fd: int,
    status_fd: int,
    hello: Header,
) -> NoReturn:
    """Everything the fork does; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_DUMPABLE, 1)
        if os.getppid() != hello["pid"]:
            os._exit(code)  # the warm process died before its death could be a signal
        blobs = [read_exactly(requests_fd, size) for size in request["blobs"]]
        os.write(status_fd, b"!")
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(log_fd, 1)
        os.dup2(log_fd, 2)
        close_other_descriptors({0, 1, 2, payload_fd, status_fd})
        os.chdir(hello["scratch"])
        apply_limits(request["limits"])

        def stage(name: bytes) -> None:
            os.write(status_fd, name)

        payload: Sequence[bytes]
        try:
            reseed()
            answer, payload = CALLS[request["op"]](request, blobs, table, stage)
            answer["ok"] = True
        except MemoryError:
            answer, payload = {"ok": False, "memory": True}, []
        except BaseException as error:
            answer, payload = {"ok": False, "error": describe_error(error)}, []
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        head = head_of(answer, payload)
        write_all(payload_fd, TOTAL.pack(len(head) + sum(len(part) for part in payload)))
        for part in (head, *payload):
            write_all(payload_fd, part)
        code = 0
    finally:
        os._exit(code)


def close_other_descriptors(kept: set[int]) -> None:
    """Close everything that generated code has no business with."""
    top = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    last = 2
    for fd in sorted(kept):
        if fd > last + 1:
            os.closerange(last + 1, fd)
        last = max(last, fd)
    os.closerange(last + 1, min(top, 65536))


# ------------------------------------------------------------------------- the warm process


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process, where there is such a thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def descendants(root: int) -> set[int]:
    """Process ids of all live descendants of a process (from /proc)."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as stat_file:
                parents[int(entry)] = int(stat_file.read().rpartition(b")")[2].split()[1])
    found: set[int] = set()
    frontier = {root}
    while frontier:
        frontier = {pid for pid, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def send_signal(send: Callable[[int, int], None], target: int, number: int) -> None:
    """Send a signal to a process or group that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        send(target, number)


def kill_descendants(root: int) -> None:
    """Kill every descendant of a process; they are stopped first, so that none forks away."""
    stopped: set[int] = set()
    while new := descendants(root) - stopped:
        for pid in new:
            send_signal(os.kill, pid, signal.SIGSTOP)
        stopped |= new
    for pid in stopped:
        send_signal(os.kill, pid, signal.SIGKILL)


def kill_leftovers(group: int, private_pids: bool) -> None:
    """Kill whatever a fork left behind and reap it; only the warm process survives."""
    while True:
        if private_pids:
            send_signal(os.kill, -1, signal.SIGKILL)
        else:
            send_signal(os.killpg, group, signal.SIGKILL)
            kill_descendants(os.getpid())
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def open_folder(path: str, parent: int | None = None) -> int:
    """Descriptor of a folder, never of what a symbolic link points to, with its lock broken."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags, dir_fd=parent)
    except PermissionError:
        os.chmod(path, 0o700, dir_fd=parent)
        fd = os.open(path, flags, dir_fd=parent)
    with contextlib.suppress(PermissionError):
        os.fchmod(fd, 0o700)
    return fd


def dissolve(name: str, top: int) -> bool:
    """Delete one entry of the folder `top`, after moving the folders inside it up into `top`."""
    try:
        if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=top)
            return True
        folder = open_folder(name, top)
        try:
            for entry in os.listdir(folder):
                if stat.S_ISDIR(os.stat(entry, dir_fd=folder, follow_symlinks=False).st_mode):
                    os.close(open_folder(entry, folder))  # a locked folder cannot be moved
                    moved = os.urandom(12).hex()
                    os.rename(entry, moved, src_dir_fd=folder, dst_dir_fd=top)
                else:
                    os.unlink(entry, dir_fd=folder)
        finally:
            os.close(folder)
        os.rmdir(name, dir_fd=top)
    except OSError:
        return False
    return True


def empty_folder(path: str) -> bool:
    """Delete what lies in a folder, however deep or locked; whether nothing is left.

    Folders are flattened, one level at a time: no recursion, no path longer than a name.
    """
    try:
        top = open_folder(path)
    except OSError:
        return False
    try:
        while names := os.listdir(top):
            if not sum([dissolve(name, top) for name in names]):
                return False
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(top)


def remove_ipc_objects() -> None:
    """Remove System V shared memory, semaphores and queues: they outlive their processes."""
    libc = ctypes.CDLL(None)
    remove: dict[str, Callable[[int], object]] = {
        "shm": lambda key: libc.shmctl(key, IPC_RMID, None),
        "sem": lambda key: libc.semctl(key, 0, IPC_RMID),
        "msg": lambda key: libc.msgctl(key, IPC_RMID, None),
    }
    for kind, remove_one in remove.items():
        with contextlib.suppress(OSError), open(f"/proc/sysvipc/{kind}") as listing:
            for line in listing.readlines()[1:]:
                remove_one(int(line.split()[1]))


class Watch:
    """What the warm process learns of one fork while it runs."""

    def __init__(self, payload_fd: int, log_fd: int, status_fd: int) -> None:
        self.payload_fd = payload_fd
        self.log_fd = log_fd
        self.open_fds = {payload_fd, log_fd, status_fd}
        self.payload = bytearray()
        self.total: int | None = None
        self.log = b""
        self.stage = "start"
        self.inputs_read = False

    def take(self, fd: int) -> None:
        """Read what has arrived on one of the fork's pipes."""
        data = os.read(fd, 1 << 20)
        if not data:
            self.open_fds.discard(fd)
        elif fd == self.payload_fd:
            self.payload += data
            if self.total is None and len(self.payload) >= TOTAL.size:
                (self.total,) = TOTAL.unpack(self.payload[: TOTAL.size])
                del self.payload[: TOTAL.size]
        elif fd == self.log_fd:
            self.log = (self.log + data)[-LOG_TAIL:]
        else:
            self.inputs_read = self.inputs_read or b"!" in data
            marks = [data[i : i + 1] for i in range(max(0, len(data) - 64), len(data))]
            known = [STAGES[mark] for mark in marks if mark in STAGES]
            self.stage = known[-1] if known else self.stage

    def drain(self) -> None:
        """Read what an ended fork has left in its pipes."""
        while ready := select.select(list(self.open_fds), [], [], 0)[0]:
            for fd in ready:
                self.take(fd)

    def verdict(self) -> str | None:
        """How the fork's answer stands: "returned", "overflow", or None while it is incomplete."""
        if self.total is None:
            return None
        if self.total > MAX_PAYLOAD:
            return "overflow"
        return "returned" if len(self.payload) >= self.total else None


def exited(pid: int) -> bool:
    """Whether the child has ended, without reaping it."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def watch_fork(pid: int, watch: Watch, request: Header, requests_fd: int, deadline: float) -> str:
    """Collect the fork's payload and log until it is done, ends, overruns or is cancelled."""
    pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    try:
        while True:
            if verdict := watch.verdict():
                return verdict
            left = min(deadline - time.monotonic(), LONGEST_WAIT)
            if left <= 0:
                return "timeout"
            listening = [*watch.open_fds, *([] if pidfd is None else [pidfd])]
            if watch.inputs_read:
                listening.append(requests_fd)
            wait = left if pidfd is not None else min(left, 0.02)
            ready, _, _ = select.select(listening, [], [], wait)
            arrived = watch.open_fds.intersection(ready)
            for fd in arrived:
                watch.take(fd)
            if requests_fd in ready:
                header = read_header(requests_fd)  # EOFError: our parent is gone
                if header.get("op") == "cancel" and header.get("id") == request["id"]:
                    return "cancelled"
            # nothing left to read and the process is gone: it died without a full payload
            if not arrived and exited(pid):
                return "died"
    finally:
        if pidfd is not None:
            os.close(pidfd)


def serve_call(
    request: Header,
    table: pd.DataFrame | None,
    requests_fd: int,
    replies_fd: int,
    hello: Header,
) -> None:
    """Fork, watch, clean up, reply."""
    payload_read, payload_write = os.pipe()
    log_read, log_write = os.pipe()
    status_read, status_write = os.pipe()
    started = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pid = os.fork()
    if pid == 0:
        run_in_fork(request, table, requests_fd, payload_write, log_write, status_write, hello)
    for fd in (payload_write, log_write, status_write):
        os.close(fd)
    watch = Watch(payload_read, log_read, status_read)
    deadline = started + float(request["limits"]["wall_seconds"])
    try:
        outcome = watch_fork(pid, watch, request, requests_fd, deadline)
    finally:
        exit_code = reap(pid, hello["private_pids"])
        watch.drain()  # now that nobody is left to write, this ends
        for fd in (payload_read, log_read, status_read):
            os.close(fd)
        clean = clean_up(hello)
    if outcome == "died":
        outcome = watch.verdict() or "died"  # its last words were still in the pipe
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # a fork that died before it had read its blobs leaves the request pipe out of step
    leaving = not (watch.inputs_read and clean)
    reply = {
        "id": request["id"],
        "outcome": outcome,
        "stage": watch.stage,
        "exit_code": exit_code,
        "seconds": time.monotonic() - started,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "log": watch.log.decode("utf-8", "replace"),
        "leaving": leaving,
    }
    blobs = [memoryview(watch.payload)[: watch.total]] if outcome == "returned" else []
    write_all(replies_fd, head_of(reply, blobs))
    for blob in blobs:
        write_all(replies_fd, blob)
    if leaving:
        os._exit(3)


def clean_up(hello: Header) -> bool:
    """Remove what one call could leave to the next; whether all is gone."""
    if hello["private_pids"]:
        remove_ipc_objects()
    emptied = [empty_folder(folder) for folder in (hello["scratch"], *hello["wipe"])]
    return all(emptied)


def reap(pid: int, private_pids: bool) -> int | None:
    """Kill the fork and all it started; its exit code, or minus the signal that ended it."""
    ended = exited(pid)
    send_signal(os.kill, pid, signal.SIGKILL)
    code = None
    with contextlib.suppress(ChildProcessError):
        status = os.waitpid(pid, 0)[1]
        code = os.waitstatus_to_exitcode(status) if ended else None
    kill_leftovers(pid, private_pids)
    return code


def import_all(names: Iterable[str]) -> list[str]:
    """Import library modules; the names of those that cannot be imported."""
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            missing.append(name)
    return missing


def load_table(path: str) -> pd.DataFrame:
    """The feature table as a DataFrame, read from an Arrow file without starting threads."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    with pa.memory_map(path) as source:
        table: pd.DataFrame = pa.ipc.open_file(source).read_all().to_pandas(use_threads=False)
        return table


def end_with_descendants(_number: int, _frame: types.FrameType | None) -> None:
    """Handle SIGTERM, which also comes when our parent dies: nobody is left behind."""
    kill_descendants(os.getpid())
    os._exit(0)


def main() -> None:
    """Greet, then serve calls until the other side is gone."""
    requests_fd, replies_fd = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_DUMPABLE, 0)  # forks cannot open our memory, our pipes or our environment
    try:
        hello = read_header(requests_fd)
        hello["pid"] = os.getpid()
        if not hello["private_pids"]:
            signal.signal(signal.SIGTERM, end_with_descendants)
            prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        import_all(hello["preload"])
        table = load_table(hello["table"]) if hello["table"] else None
        gc.collect()
        gc.freeze()
        write_all(replies_fd, head_of({"ready": True}))
        while True:
            request = read_header(requests_fd)
            if request["op"] == "preload":
                missing = import_all(request["modules"])
                gc.freeze()
                write_all(replies_fd, head_of({"ready": True, "missing": missing}))
            elif request["op"] in CALLS:
                serve_call(request, table, requests_fd, replies_fd, hello)
            # a cancel that arrives after its call has ended is answered by that call's reply
    except (EOFError, BrokenPipeError):
        os._exit(0)


if __name__ == "__main__":
    main()
