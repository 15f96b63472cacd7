"""Generated code that fails, hangs or misbehaves is an outcome, and the next call works.

The `sandbox` fixture checks the second half after every test.
"""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from automl_agent.sandbox.base import Limits, Tier
from automl_agent.sandbox.calls import space_call
from automl_agent.sandbox.process import WorkerProcess
from tests.sandbox.conftest import GENEROUS, assert_works, fit, fit_body, training

SLEEP = training("import time\ntime.sleep(1000)")


@pytest.mark.parametrize("code", [0, 3])
def test_exit_without_an_answer(sandbox: WorkerProcess, code: int) -> None:
    outcome = fit_body(sandbox, f"import os\nos._exit({code})")
    assert (outcome.status, outcome.stage) == ("died", "train")
    assert outcome.reason == f"the process ended without an answer (exit code {code})"


def test_killed_by_a_signal(sandbox: WorkerProcess) -> None:
    outcome = fit_body(sandbox, "import os\nos.abort()")
    assert outcome.status == "died"
    assert outcome.reason == "the process was killed by SIGABRT"


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "pow(7, 10**9)",  # one C call that never lets go of the interpreter
        "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "while True: print('x' * 100_000)",
    ],
)
def test_the_wall_limit_holds(sandbox: WorkerProcess, body: str) -> None:
    started = time.monotonic()
    outcome = fit_body(sandbox, body, Limits(wall_seconds=1))
    assert (outcome.status, outcome.reason) == ("timeout", "took longer than 1 s")
    assert 1 <= time.monotonic() - started < 20
    assert len(outcome.log) <= 8192


@pytest.mark.slow
def test_a_limit_that_is_over_at_once(sandbox: WorkerProcess) -> None:
    labels = np.zeros(10**6)
    for _ in range(5):
        call = fit(SLEEP, labels=labels)
        call = type(call)(call.op, call.fields, (call.blobs[0], labels.tobytes(), call.blobs[2]))
        assert sandbox.run(call, Limits(wall_seconds=1e-4)).status == "timeout"
        assert_works(sandbox)


def test_memory(sandbox: WorkerProcess) -> None:
    limits = Limits(wall_seconds=60, memory_bytes=512 * 2**20)
    for body in (
        "x = bytearray(2 * 2**30)",
        "import numpy\nnumpy.ones(2**28)",
        "x = ['']\nwhile 1: x *= 2",
    ):
        outcome = fit_body(sandbox, body, limits)
        assert outcome.status == "memory", outcome
        assert outcome.reason == "ran out of memory (limit 0.5 GiB)"


def test_file_size(sandbox: WorkerProcess) -> None:
    outcome = fit_body(
        sandbox, "open('big', 'wb').write(bytes(10**7))", Limits(wall_seconds=60, file_bytes=10**6)
    )
    assert outcome.error is not None
    assert outcome.error.type == "OSError"


def test_limits_above_those_of_the_machine(sandbox: WorkerProcess) -> None:
    outcome = sandbox.run(fit(), Limits(wall_seconds=float("inf"), memory_bytes=2**60))
    assert outcome.ok, outcome


def test_daemons_do_not_survive_the_call(sandbox: WorkerProcess) -> None:
    marker = "automl-agent-test-daemon-of-a-fit"
    outcome = fit_body(
        sandbox,
        f"""
        import os, subprocess, sys
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.setsid()
                    sleep = "import time; time.sleep(1000)"
                    os.execv(sys.executable, [sys.executable, "-c", sleep, "{marker}"])
                os._exit(0)
        raise SystemExit
        """,
    )
    assert outcome.status == "error"
    commands = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
    assert not any(marker in command for command in commands)


def test_a_fork_that_floods_the_log_does_not_outlive_its_parent(sandbox: WorkerProcess) -> None:
    started = time.monotonic()
    outcome = fit_body(
        sandbox,
        "import os\nif os.fork() == 0:\n    while True: print('x' * 1000)\nos._exit(4)",
        Limits(wall_seconds=3),
    )
    assert outcome.status in ("died", "timeout")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killing_the_warm_process(sandbox: WorkerProcess, number: int) -> None:
    outcome = fit_body(
        sandbox, f"import os, time\nos.kill(os.getppid(), {int(number)})\ntime.sleep(1000)"
    )
    assert outcome.status == "died"
    assert "destroyed" in outcome.reason


@pytest.mark.slow
def test_stopping_the_warm_process(sandbox: WorkerProcess) -> None:
    body = "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(1000)"
    outcome = fit_body(sandbox, body, Limits(wall_seconds=1))
    assert outcome.status == "timeout"


RUBBISH = {
    "zeros": "bytes(100_000)",
    "ones": "b'\\xff' * 100_000",
    "text": "b'hello' * 10_000",
    "an impossible total": "(2**63).to_bytes(8, 'big')",
    "a total that never comes": "(2**30).to_bytes(8, 'big') + b'x'",
    "a huge header": "packed((2**32 - 1).to_bytes(4, 'big') + b'{}')",
    "huge blobs": 'packed(headed(b\'{"ok": true, "blobs": [99999999999999]}\'))',
    "negative blobs": 'packed(headed(b\'{"ok": true, "blobs": [-1]}\'))',
    "no blobs": "packed(headed(b'{\"ok\": true}'))",
    "not an object": "packed(headed(b'[1, 2]'))",
    "not JSON": "packed(headed(b'}{'))",
    "deep JSON": "packed(headed(b'[' * 1_000_000))",
    "a lone surrogate": 'packed(headed(b\'{"ok": true, "x": "\\\\ud800", "blobs": []}\'))',
    "an infinite line": """packed(headed(b'{"ok": false, "blobs": [], "error": {"type": "E",'
        b'"message": "", "frames": [{"file": "", "line": 1e999, "name": "", "text": ""}]}}'))""",
    "an error that is none": 'packed(headed(b\'{"ok": false, "error": 7, "blobs": []}\'))',
}


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH)
def test_rubbish_on_every_descriptor(sandbox: WorkerProcess, rubbish: str) -> None:
    outcome = fit_body(
        sandbox,
        f"""
        import os
        headed = lambda head: len(head).to_bytes(4, "big") + head
        packed = lambda data: len(data).to_bytes(8, "big") + data
        for fd in range(3, 300):
            try:
                os.write(fd, {rubbish})
            except OSError:
                pass
        os._exit(0)
        """,
    )
    assert outcome.status in ("invalid", "died"), outcome
    assert not outcome.blobs


@pytest.mark.parametrize(
    "value",
    [
        '{"shape": [2], "blobs": []}',
        '{"shape": [0, 1e9], "blobs": [0]}',
        '{"shape": [], "blobs": [0]}',
        '{"shape": [true], "blobs": [8]}',
        '{"shape": [0, 99999999999999999999], "blobs": [0]}',
    ],
)
def test_forged_shapes_are_value_errors(sandbox: WorkerProcess, value: str) -> None:
    head = value.replace("{", '{"ok": true, ', 1)
    outcome = fit_body(
        sandbox,
        f"""
        import os
        head = {head!r}.encode()
        data = len(head).to_bytes(4, "big") + head + bytes(8 if "[8]" in {value!r} else 0)
        for fd in range(3, 300):
            try:
                os.write(fd, len(data).to_bytes(8, "big") + data)
            except OSError:
                pass
        os._exit(0)
        """,
    )
    assert outcome.ok, outcome
    with pytest.raises(ValueError, match="predictions"):
        outcome.prediction(20)


def test_closing_every_descriptor(sandbox: WorkerProcess) -> None:
    outcome = fit_body(sandbox, "import os\nos.closerange(0, 4096)\nreturn 1")
    assert outcome.status == "died"


def test_closing_every_descriptor_and_staying(sandbox: WorkerProcess) -> None:
    body = "import os, time\nos.closerange(0, 4096)\ntime.sleep(1000)"
    assert fit_body(sandbox, body, Limits(wall_seconds=1)).status == "timeout"


def test_the_pipes_of_the_warm_process_cannot_be_opened(sandbox: WorkerProcess, tier: Tier) -> None:
    if tier.name == "limits":
        pytest.skip("this tier gives generated code the rights of the user")
    outcome = fit_body(
        sandbox,
        """
        import os
        opened = []
        for place in ["mem", "environ", *(f"fd/{n}" for n in range(20))]:
            try:
                os.close(os.open(f"/proc/{os.getppid()}/{place}", os.O_RDWR | os.O_NONBLOCK))
                opened.append(place)
            except OSError:
                pass
        print(opened)
        raise SystemExit
        """,
    )
    assert outcome.log.strip() == "[]"


# ------------------------------------------------------------------------------------- cancelling


def test_cancel_from_another_thread(sandbox: WorkerProcess) -> None:
    assert_works(sandbox)
    timer = threading.Timer(0.5, sandbox.cancel)
    timer.start()
    started = time.monotonic()
    outcome = sandbox.run(fit(SLEEP), Limits(wall_seconds=100))
    timer.join()
    assert (outcome.status, outcome.reason) == ("cancelled", "cancelled")
    assert time.monotonic() - started < 15


def test_cancelled_before_it_runs(sandbox: WorkerProcess) -> None:
    cancelled = threading.Event()
    cancelled.set()
    outcome = sandbox.run(fit(SLEEP), Limits(wall_seconds=100), cancelled)
    assert outcome.status == "cancelled"


def test_cancel_without_a_call(sandbox: WorkerProcess) -> None:
    sandbox.cancel()
    assert_works(sandbox)
    sandbox.cancel()


def test_cancels_at_any_moment(sandbox: WorkerProcess) -> None:
    assert_works(sandbox)
    random = np.random.default_rng(0)
    statuses = set()
    for _ in range(25):
        cancelled = threading.Event()

        def cancel(cancelled: threading.Event = cancelled) -> None:
            cancelled.set()
            sandbox.cancel()

        timer = threading.Timer(random.uniform(0, 0.05), cancel)
        timer.start()
        statuses.add(sandbox.run(fit(), GENEROUS, cancelled).status)
        timer.join()
        assert_works(sandbox)
    assert "cancelled" in statuses
    assert statuses <= {"ok", "cancelled"}


def test_a_late_cancel_does_not_end_the_next_call(sandbox: WorkerProcess) -> None:
    assert_works(sandbox)
    late = {"op": "cancel", "id": sandbox._next_id}
    sleep = training("import time\ntime.sleep(1)\nraise LookupError('slept well')")
    timer = threading.Timer(0.5, sandbox._send, (late, time.monotonic() + 20))
    timer.start()
    outcome = sandbox.run(fit(sleep), GENEROUS)
    timer.join()
    assert outcome.reason == "LookupError: slept well"


# ------------------------------------------------------------------- what a call leaves to the next

HIDE = """
import ctypes, os, tempfile
places = ["/scratch", "/tmp", "/dev/shm", "/dev", "/", "/etc", "/data", "/proc", os.getcwd(),
          os.environ["HOME"], tempfile.gettempdir()] if {everywhere} else [
          os.getcwd(), os.environ["HOME"], tempfile.gettempdir()]
"""

DEEP = """
here = os.getcwd()
for _ in range(1500):
    os.mkdir("deep")
    os.chdir("deep")
open("labels-of-another-fit", "w").write(str(y.tolist()))
os.chdir(here)
os.makedirs("locked/inside")
open("locked/inside/labels-of-another-fit", "w").write(str(y.tolist()))
os.symlink("/usr", "link")
os.chmod("locked/inside", 0)
os.chmod("locked", 0)
os.chmod(".", 0)
raise SystemExit
"""


def test_files_do_not_reach_the_next_fit(sandbox: WorkerProcess, tier: Tier) -> None:
    start = HIDE.format(everywhere=tier.name == "bubblewrap")
    hidden = fit_body(
        sandbox,
        start
        + """
written = 0
for place in places:
    try:
        open(os.path.join(place, "labels-of-another-fit"), "w").write(str(y.tolist()))
        written += 1
    except OSError:
        pass
print(written)
raise SystemExit
""",
    )
    assert int(hidden.log) >= 3
    found = fit_body(
        sandbox,
        start
        + """
names = [os.path.join(p, n) for p in places for n in os.listdir(p) if "labels" in n]
print(names, os.listdir("."))
raise SystemExit
""",
    )
    assert found.log.strip() == "[] []"


@pytest.mark.slow
def test_deep_and_locked_folders_are_removed(sandbox: WorkerProcess) -> None:
    outcome = fit_body(sandbox, "import os\n" + DEEP)
    assert outcome.reason == "SystemExit", outcome
    log = fit_body(sandbox, "import os\nprint(os.listdir('.'))\nraise SystemExit").log
    assert log.strip() == "[]"
    assert Path("/usr/bin").is_dir()


@pytest.mark.slow
def test_files_of_a_call_that_took_the_worker_with_it(sandbox: WorkerProcess) -> None:
    body = "import os, time\n" + DEEP.replace("raise SystemExit", "")
    body += "os.kill(os.getppid(), 9)\ntime.sleep(1000)"
    assert fit_body(sandbox, body).status == "died"
    log = fit_body(sandbox, "import os\nprint(os.listdir('.'))\nraise SystemExit").log
    assert log.strip() == "[]"


def test_shared_memory_does_not_reach_the_next_fit(sandbox: WorkerProcess, tier: Tier) -> None:
    if tier.name == "limits":
        pytest.skip("this tier shares the System V objects of the machine")
    body = """
    import ctypes
    libc = ctypes.CDLL(None)
    print(libc.shmget(77, 100, {flags}) >= 0, libc.msgget(77, {flags}) >= 0,
          libc.semget(77, 1, {flags}) >= 0)
    raise SystemExit
    """
    created = fit_body(sandbox, body.format(flags="0o1600"))
    assert created.log.split() == ["True"] * 3
    assert fit_body(sandbox, body.format(flags="0")).log.split() == ["False"] * 3


def test_modules_do_not_reach_the_next_call(sandbox: WorkerProcess) -> None:
    sandbox.run(space_call("def get_configspace(): raise SystemExit"), GENEROUS)
    body = "import sys\nprint([m for m in ('config_space', 'train') if m in sys.modules])"
    outcome = fit_body(sandbox, f"{body}\nraise SystemExit")
    assert outcome.log.strip() == "['train']"


# ------------------------------------------------------------------------------------ containment


def test_the_environment_is_built_from_nothing(
    sandbox: WorkerProcess, tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-in-the-test")
    sandbox._kill()  # the next call starts a worker that could inherit it
    outcome = fit_body(
        sandbox,
        """
        import os
        seen = dict(os.environ)
        print(sorted(seen))
        for pid in filter(str.isdigit, os.listdir("/proc")):
            for name in ("environ", "cmdline"):
                try:
                    seen[f"{pid}/{name}"] = open(f"/proc/{pid}/{name}", "rb").read().decode()
                except OSError:
                    pass
        print([k for k, v in seen.items() if "planted" in str(v)])
        raise SystemExit
        """,
    )
    names, found = outcome.log.strip().splitlines()
    assert "OPENAI_API_KEY" not in names
    assert "HOME" in names
    if tier.name == "bubblewrap":
        assert found == "[]"


def test_no_network_in_bubblewrap(sandbox: WorkerProcess, tier: Tier) -> None:
    if tier.name == "limits":
        pytest.skip("this tier does not contain the network")
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        outcome = fit_body(
            sandbox,
            f"""
            import os, socket
            print(sorted(os.listdir("/sys/class/net")) if os.path.exists("/sys") else [])
            print([name for _, name in socket.if_nameindex()])
            socket.create_connection(("127.0.0.1", {port}), timeout=5)
            """,
        )
    assert outcome.error is not None
    assert outcome.error.type == "ConnectionRefusedError"
    assert outcome.log.splitlines()[1] == "['lo']"


def test_nothing_of_the_host_can_be_written_in_bubblewrap(
    sandbox: WorkerProcess, tier: Tier, data: Path
) -> None:
    if tier.name == "limits":
        pytest.skip("this tier gives generated code the rights of the user")
    outcome = fit_body(
        sandbox,
        """
        import os, sys
        writable = []
        for folder, folders, files in os.walk("/", topdown=True):
            if folder in ("/proc", "/usr/lib", "/usr/share") or folder.endswith("site-packages"):
                folders[:] = []
            try:
                open(os.path.join(folder, "planted"), "w").close()
                writable.append(folder)
            except OSError:
                pass
        print(sorted(writable))
        print([os.path.exists(path) for path in ("/home", "/etc/passwd", "DATA")])
        raise SystemExit
        """.replace("DATA", str(data)),
    )
    writable, exists = outcome.log.strip().splitlines()
    assert writable == "['/dev/shm', '/scratch']"
    assert exists == "[False, False, False]"
