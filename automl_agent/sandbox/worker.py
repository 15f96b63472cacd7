"""The process in which generated code runs. One file that imports nothing of ours.

The **warm** process imports the libraries, maps the table and then forks once per call. It reads a
call's header but never its blobs: the fork reads those (training labels among them) from the
request pipe itself, runs the generated code, and sends one payload back. Afterwards the warm
process kills everything that the fork left behind and empties the scratch folder.

Frames, on both pipes: 4 bytes of length (big endian), a JSON header, then the blobs whose lengths
the header lists under "blobs". Standard input carries requests, standard output replies.

    first request   {"table": path | null, "preload": [...], "scratch": path, "wipe": [...],
                     "private_pids": bool}                   -> {"ready": true}
    {"op": "preload", "modules": [...]}                      -> {"ready": true, "missing": [...]}
    {"op": "space" | "scenario" | "fit" | "predict", "id": n, "limits": {...}, ...}
                     -> {"id": n, "outcome": ..., "stage": ..., "seconds": ..., "log": ...} + payload
    {"op": "cancel"} while a call runs: that call ends at once with the outcome "cancelled"
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
import shutil
import signal
import struct
import sys
import time
import traceback
import types

MAX_HEADER = 16 * 1024 * 1024
MAX_PAYLOAD = 2 * 1024 * 1024 * 1024
LOG_TAIL = 8 * 1024
LENGTH = struct.Struct(">I")
TOTAL = struct.Struct(">Q")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STAGES = {b"i": "import", b"t": "train", b"p": "predict", b"s": "pickle", b"c": "call"}


# ---------------------------------------------------------------------------------------- frames


def read_exactly(fd, size):
    """Return `size` bytes; raises EOFError when the other side is gone."""
    parts = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_header(fd):
    (size,) = LENGTH.unpack(read_exactly(fd, LENGTH.size))
    if size > MAX_HEADER:
        raise ValueError("header too large")
    return json.loads(read_exactly(fd, size))


def frame(header, blobs=()):
    head = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode()
    return b"".join([LENGTH.pack(len(head)), head, *blobs])


# ----------------------------------------------------------------------- what runs in the fork


class RecordingConfig(dict):
    """A configuration that remembers which hyperparameters were read."""

    def __init__(self, values):
        super().__init__(values)
        self.seen = set()

    def __getitem__(self, key):
        self.seen.add(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.seen.add(key)
        return super().get(key, default)

    def pop(self, key, *default):
        self.seen.add(key)
        return super().pop(key, *default)

    def __contains__(self, key):
        self.seen.add(key)
        return super().__contains__(key)

    def _all(self):
        self.seen.update(super().keys())

    # overriding __iter__ also routes dict(config) and **config through keys() and __getitem__
    def __iter__(self):
        return super().__iter__()

    def items(self):
        self._all()
        return super().items()

    def values(self):
        self._all()
        return super().values()

    def copy(self):
        self._all()
        return dict(super().items())


def load_module(name, source):
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


def plain(value):
    """A JSON-safe copy of what generated code returned; numpy scalars become Python's."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        value = value.item()
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def call_space(request, _blobs, _table, stage):
    stage(b"i")
    module = load_module("config_space", request["source"])
    stage(b"c")
    space = module.get_configspace()
    if type(space).__name__ != "ConfigurationSpace":
        raise TypeError(
            f"get_configspace() must return a ConfigurationSpace, not {type(space).__name__}"
        )
    initial = getattr(module, "get_initial_configurations", list)()
    if not isinstance(initial, list | tuple) or not all(isinstance(c, dict) for c in initial):
        raise TypeError("get_initial_configurations() must return a list of dicts")
    return {"space": plain(space.to_serialized_dict()), "initial": plain(initial)}, []


def call_scenario(request, _blobs, _table, stage):
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


def predict(model, X, task):
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


def rows_of(table, blob):
    import numpy as np

    return table.iloc[np.frombuffer(blob, dtype=np.int64)].reset_index(drop=True)


def call_fit(request, blobs, table, stage):
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


def call_predict(request, blobs, table, stage):
    """Blobs: rows to predict (int64), the model as `call_fit` returned it."""
    import pickle

    stage(b"s")
    model = pickle.loads(blobs[1])
    stage(b"p")
    started = time.perf_counter()
    prediction = predict(model, rows_of(table, blobs[0]), request["task"])
    seconds = time.perf_counter() - started
    return {"shape": list(prediction.shape), "predict_seconds": seconds}, [prediction.tobytes()]


CALLS = {
    "space": call_space,
    "scenario": call_scenario,
    "fit": call_fit,
    "predict": call_predict,
}


def describe_error(error):
    """Type, message and the frames of generated code (else the innermost) of an exception."""
    frames = [
        {"file": entry.filename, "line": entry.lineno, "name": entry.name, "text": entry.line or ""}
        for entry in traceback.extract_tb(error.__traceback__)
        if entry.filename != __file__
    ]
    if isinstance(error, SyntaxError) and error.filename:
        text = (error.text or "").rstrip()
        frames = [{"file": error.filename, "line": error.lineno, "name": "", "text": text}]
    generated = [f for f in frames if os.sep not in f["file"]]
    kept = generated[-6:]
    if frames and frames[-1] not in kept:
        kept.append(frames[-1])
    for entry in kept:
        entry["file"] = os.sep.join(entry["file"].split(os.sep)[-3:])
    return {"type": type(error).__name__, "message": str(error)[:4000], "frames": kept}


def apply_limits(limits):
    memory = limits.get("memory_bytes")
    if memory:
        size = 0
        with contextlib.suppress(OSError), open("/proc/self/statm") as statm:
            size = int(statm.read().split()[0]) * resource.getpagesize()
        if size:
            resource.setrlimit(resource.RLIMIT_AS, (size + memory, size + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.get("file_bytes"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_bytes"], limits["file_bytes"]))
    threads = int(limits.get("threads") or 1)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["LOKY_MAX_CPU_COUNT"] = str(threads)
    if threads > 1:
        # the warm process loaded its pools with one thread, so that it can fork
        from threadpoolctl import threadpool_limits

        threadpool_limits(limits=threads)


def run_in_fork(request, table, requests_fd, payload_fd, log_fd, status_fd, scratch):
    """Everything the fork does; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        blobs = [read_exactly(requests_fd, size) for size in request["blobs"]]
        os.write(status_fd, b"!")
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(log_fd, 1)
        os.dup2(log_fd, 2)
        kept = {0, 1, 2, payload_fd, status_fd}
        close_other_descriptors(kept)
        os.chdir(scratch)
        apply_limits(request["limits"])

        def stage(name):
            os.write(status_fd, name)

        try:
            answer, payload = CALLS[request["op"]](request, blobs, table, stage)
            answer["ok"] = True
        except MemoryError:
            answer, payload = {"ok": False, "memory": True}, []
        except BaseException as error:
            answer, payload = {"ok": False, "error": describe_error(error)}, []
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        data = frame(answer, payload)
        write_all(payload_fd, TOTAL.pack(len(data)))
        write_all(payload_fd, data)
        code = 0
    finally:
        os._exit(code)


def close_other_descriptors(kept):
    top = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    last = 2
    for fd in sorted(kept):
        if fd > last + 1:
            os.closerange(last + 1, fd)
        last = max(last, fd)
    os.closerange(last + 1, min(top, 65536))


# ------------------------------------------------------------------------- the warm process


def prctl(option, value):
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def descendants():
    """Process ids of all live descendants of this process (from /proc)."""
    parents = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as stat:
                parents[int(entry)] = int(stat.read().rpartition(b")")[2].split()[1])
    found, frontier = set(), {os.getpid()}
    while frontier:
        frontier = {pid for pid, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def kill_leftovers(group, private_pids):
    """Kill whatever a fork left behind and reap it; only the warm process survives."""
    while True:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        if private_pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(-1, signal.SIGKILL)
        else:
            for pid in descendants():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def empty_folder(folder, kept=()):
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name in kept:
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


class Watch:
    """What the warm process learns of one fork while it runs."""

    def __init__(self):
        self.payload = bytearray()
        self.total = None
        self.log = b""
        self.stage = "start"
        self.inputs_read = False

    def complete(self):
        if self.total is None and len(self.payload) >= TOTAL.size:
            (self.total,) = TOTAL.unpack(self.payload[: TOTAL.size])
            del self.payload[: TOTAL.size]
        return self.total is not None and len(self.payload) >= self.total

    def too_large(self):
        return self.total is not None and self.total > MAX_PAYLOAD

    def note_status(self, data):
        for mark in data:
            mark = bytes([mark])
            if mark == b"!":
                self.inputs_read = True
            else:
                self.stage = STAGES.get(mark, self.stage)


def exited(pid):
    """Whether the child has ended, without reaping it."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def watch_fork(pid, requests_fd, payload_fd, log_fd, status_fd, deadline):
    """Collect the fork's payload and log until it is done, ends, overruns or is cancelled."""
    watch = Watch()
    open_fds = {payload_fd, log_fd, status_fd}
    pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    try:
        while True:
            if watch.complete():
                return watch, "returned"
            if watch.too_large():
                return watch, "overflow"
            left = deadline - time.monotonic()
            if left <= 0:
                return watch, "timeout"
            listening = [*open_fds, *([pidfd] if pidfd is not None else [])]
            if watch.inputs_read:
                listening.append(requests_fd)
            wait = left if pidfd is not None else min(left, 0.02)
            ready, _, _ = select.select(listening, [], [], wait)
            for fd in open_fds.intersection(ready):
                data = os.read(fd, 1 << 20)
                if not data:
                    open_fds.discard(fd)
                elif fd == payload_fd:
                    watch.payload += data
                elif fd == log_fd:
                    watch.log = (watch.log + data)[-LOG_TAIL:]
                else:
                    watch.note_status(data)
            if requests_fd in ready:
                header = read_header(requests_fd)  # EOFError: our parent is gone
                if header.get("op") == "cancel":
                    return watch, "cancelled"
            # nothing left to read and the process is gone: it died without a full payload
            if not open_fds.intersection(ready) and exited(pid):
                return watch, "returned" if watch.complete() else "died"
    finally:
        if pidfd is not None:
            os.close(pidfd)


def serve_call(request, table, requests_fd, replies_fd, hello):
    """Fork, watch, clean up, reply."""
    scratch = os.path.join(hello["scratch"], "fit")
    os.makedirs(scratch, exist_ok=True)
    payload_read, payload_write = os.pipe()
    log_read, log_write = os.pipe()
    status_read, status_write = os.pipe()
    started = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pid = os.fork()
    if pid == 0:
        run_in_fork(request, table, requests_fd, payload_write, log_write, status_write, scratch)
    for fd in (payload_write, log_write, status_write):
        os.close(fd)
    deadline = started + float(request["limits"]["wall_seconds"])
    try:
        watch, outcome = watch_fork(
            pid, requests_fd, payload_read, log_read, status_read, deadline
        )
    finally:
        exit_code = reap(pid, hello["private_pids"])
        for fd in (payload_read, log_read, status_read):
            os.close(fd)
        empty_folder(scratch)
        for folder, mounted in hello["wipe"].items():
            empty_folder(folder, mounted)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    reply = {
        "id": request["id"],
        "outcome": outcome,
        "stage": watch.stage,
        "exit_code": exit_code,
        "seconds": time.monotonic() - started,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "log": watch.log.decode("utf-8", "replace"),
    }
    payload = [bytes(watch.payload[: watch.total])] if outcome == "returned" else []
    write_all(replies_fd, frame(reply, payload))
    if not watch.inputs_read:
        # the fork died before it had read its blobs: the request pipe is out of step
        os._exit(3)


def reap(pid, private_pids):
    """Kill the fork and all it started; its exit code, or minus the signal that ended it."""
    ended = exited(pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    code = None
    with contextlib.suppress(ChildProcessError):
        status = os.waitpid(pid, 0)[1]
        code = os.waitstatus_to_exitcode(status) if ended else None
    kill_leftovers(pid, private_pids)
    return code


def import_all(names):
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            missing.append(name)
    return missing


def load_table(path):
    """The feature table as a DataFrame, read from an Arrow file without starting threads."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    with pa.memory_map(path) as source:
        return pa.ipc.open_file(source).read_all().to_pandas(use_threads=False)


def main():
    requests_fd, replies_fd = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        hello = read_header(requests_fd)
        # what stands there before the first fork are mount points: this interpreter may be one
        hello["wipe"] = {folder: os.listdir(folder) for folder in hello["wipe"]}
        if not hello["private_pids"]:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        import_all(hello["preload"])
        table = load_table(hello["table"]) if hello["table"] else None
        gc.collect()
        gc.freeze()
        write_all(replies_fd, frame({"ready": True}))
        while True:
            request = read_header(requests_fd)
            if request["op"] == "preload":
                missing = import_all(request["modules"])
                gc.freeze()
                write_all(replies_fd, frame({"ready": True, "missing": missing}))
            elif request["op"] in CALLS:
                serve_call(request, table, requests_fd, replies_fd, hello)
            # a cancel that arrives after its call has ended is answered by that call's reply
    except (EOFError, BrokenPipeError):
        os._exit(0)


if __name__ == "__main__":
    main()
