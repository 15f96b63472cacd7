"""Starting, closing, replacing and losing workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from automl_agent.exceptions import SandboxUnavailableError
from automl_agent.sandbox.base import Launch, Limits, Mounts, Tier
from automl_agent.sandbox.limits import LimitsOnly
from automl_agent.sandbox.pool import WorkerPool
from automl_agent.sandbox.process import WorkerProcess
from tests.sandbox.conftest import GENEROUS, assert_works, fit, fit_body, training

SLEEP = "import time\ntime.sleep(1000)"


class Scripted:
    """A tier whose worker is a Python script of the test's."""

    name, warning = "scripted", ""

    def __init__(self, script: str) -> None:
        self._script = textwrap.dedent(script)

    def launch(self, mounts: Mounts) -> Launch:
        command = (sys.executable, "-c", self._script)
        return replace(LimitsOnly().launch(mounts), command=command)


GREET = """
import sys, time
head = b'{"ready": true, "blobs": []}'
sys.stdout.buffer.write(len(head).to_bytes(4, "big") + head)
sys.stdout.flush()
"""


def processes_with(marker: str) -> list[psutil.Process]:
    """Processes whose command line or open files mention the marker."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        if process.pid != os.getpid() and any(marker in word for word in words):
            found.append(process)
    return found


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def running_children() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [c for c in children if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]


def test_close_leaves_nothing(make: Callable[..., WorkerProcess], tmp_path: Path) -> None:
    before = {child.pid for child in running_children()}
    worker = make(scratch=tmp_path / "gone")
    fit_body(
        worker, "open('file', 'w').write('x')\nimport os\nos.makedirs('a/b')\nraise SystemExit"
    )
    assert (tmp_path / "gone").exists()
    worker.close()
    worker.close()
    assert not list(tmp_path.iterdir())
    assert eventually(lambda: {child.pid for child in running_children()} <= before)


def test_close_while_a_call_runs_in_another_thread(
    make: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    before = {child.pid for child in running_children()}
    worker = make()
    assert_works(worker)
    outcomes = []
    sleep = "import time; time.sleep(1000)"
    body = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {sleep!r}])"
    thread = threading.Thread(target=lambda: outcomes.append(fit_body(worker, body)))
    thread.start()
    time.sleep(0.5)
    worker.close()
    thread.join(20)
    assert not thread.is_alive()
    assert outcomes[0].status == "cancelled"
    assert not list(tmp_path.iterdir())
    assert eventually(lambda: {child.pid for child in running_children()} <= before)


def test_close_during_the_start(make: Callable[..., WorkerProcess], tmp_path: Path) -> None:
    for number in range(20):
        worker = make()
        worker.start()
        time.sleep(number / 2000)
        worker.close()
    # not among our children any more when bwrap, killed too early, leaves its child behind
    assert eventually(lambda: not processes_with(str(tmp_path)))
    with pytest.raises(SandboxUnavailableError, match="closed"):
        worker.run(fit(), GENEROUS)
    with pytest.raises(SandboxUnavailableError, match="closed"):
        worker.start()


@pytest.mark.slow
def test_a_killed_parent_leaves_no_process(tier: Tier, data: Path, tmp_path: Path) -> None:
    marker = f"marker-{uuid.uuid4().hex}"
    scratch = tmp_path / marker
    body = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)', '{marker}'])\n"
        "open('started', 'w').close()\ntime.sleep(1000)"
    )
    script = f"""
    from pathlib import Path
    from automl_agent.sandbox.selection import select_tier
    from automl_agent.sandbox.process import WorkerProcess
    from tests.sandbox.conftest import fit, GENEROUS
    worker = WorkerProcess(select_tier({tier.name!r}), data=Path({str(data)!r}),
                           scratch=Path({str(scratch)!r}))
    worker.run(fit({training(body)!r}), GENEROUS)
    """
    main = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=Path(__file__).parents[2]
    )
    try:
        assert eventually((scratch / "started").exists, 60)
        assert processes_with(marker)
    finally:
        main.send_signal(signal.SIGKILL)
        main.wait()
    assert eventually(lambda: not processes_with(marker)), processes_with(marker)


@pytest.mark.parametrize("command", ["no-such-program", "/", sys.executable])
def test_a_tier_that_cannot_start(command: str, tmp_path: Path) -> None:
    class Bogus(Scripted):
        def launch(self, mounts: Mounts) -> Launch:
            return replace(super().launch(mounts), command=(command, "-X", "frozen_modules=what"))

    worker = WorkerProcess(Bogus(""), data=None, scratch=tmp_path / "s")
    for _ in range(2):
        with pytest.raises(SandboxUnavailableError) as caught:
            worker.run(fit(), GENEROUS)
        assert len(str(caught.value)) > len("the scripted sandbox did not start: ")
    worker.close()
    assert not list(tmp_path.iterdir())


def test_the_reason_for_not_starting_is_told(tmp_path: Path) -> None:
    worker = WorkerProcess(
        Scripted("raise SystemExit('the namespaces are on strike')"),
        data=None,
        scratch=tmp_path / "s",
    )
    with pytest.raises(SandboxUnavailableError, match="namespaces are on strike"):
        worker.run(fit(), GENEROUS)
    worker.close()


def test_a_table_that_is_missing(make: Callable[..., WorkerProcess], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SandboxUnavailableError, match="did not start"):
        make(data=tmp_path / "empty").run(fit(), GENEROUS)


@pytest.mark.slow
def test_a_worker_that_never_reads_does_not_hold_us(tmp_path: Path) -> None:
    worker = WorkerProcess(Scripted(GREET + "time.sleep(1000)"), data=None, scratch=tmp_path / "s")
    call = replace(fit(), blobs=(bytes(4_000_000),))
    started = time.monotonic()
    outcome = worker.run(call, Limits(wall_seconds=0.5))
    assert outcome.status == "timeout"
    assert time.monotonic() - started < 20
    worker.close()


def test_cancel_does_not_wait_for_a_worker_that_never_reads(tmp_path: Path) -> None:
    worker = WorkerProcess(Scripted(GREET + "time.sleep(1000)"), data=None, scratch=tmp_path / "s")
    call = replace(fit(), blobs=(bytes(4_000_000),))
    thread = threading.Thread(target=worker.run, args=(call, Limits(wall_seconds=1000)))
    thread.start()
    time.sleep(1)
    started = time.monotonic()
    worker.cancel()
    worker.close()
    thread.join(20)
    assert not thread.is_alive()
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "reply",
    ["b'rubbish' * 10", "b'\\xff' * 100", "headed(b'{\"id\": 99, \"blobs\": []}')", "headed(b'[]')",
     "headed(b'{\"id\": 1, \"blobs\": [99999999999]}')", "b''"],
)  # fmt: skip
def test_a_worker_that_answers_rubbish(reply: str, tmp_path: Path) -> None:
    script = GREET + textwrap.dedent(
        f"""
        headed = lambda head: len(head).to_bytes(4, "big") + head
        sys.stdin.buffer.read(4)
        sys.stdout.buffer.write({reply})
        """
    )
    worker = WorkerProcess(Scripted(script), data=None, scratch=tmp_path / "s")
    assert worker.run(fit(), GENEROUS).status == "died"
    worker.close()


def test_preload_on_a_dead_worker(make: Callable[..., WorkerProcess]) -> None:
    worker = make()
    assert_works(worker)
    assert worker._process is not None
    worker._process.kill()
    worker._process.wait()
    worker.preload(("colorsys",))
    assert_works(worker)


def test_a_module_that_kills_the_worker_is_not_preloaded_again(tmp_path: Path) -> None:
    script = """
    import sys
    read = lambda: sys.stdin.buffer.read(int.from_bytes(sys.stdin.buffer.read(4), "big"))
    if b"deadly" in read():
        sys.exit("it was preloaded again")
    head = b'{"ready": true, "blobs": []}'
    sys.stdout.buffer.write(len(head).to_bytes(4, "big") + head)
    sys.stdout.flush()
    sys.exit(b"deadly" in read())
    """
    worker = WorkerProcess(Scripted(script), data=None, scratch=tmp_path / "s")
    worker.start()
    worker.preload(("deadly",))
    assert worker.run(fit(), GENEROUS).status == "died"
    worker.close()


def test_a_worker_killed_between_calls(make: Callable[..., WorkerProcess]) -> None:
    worker = make()
    assert_works(worker)
    assert worker._process is not None
    worker._process.kill()
    assert eventually(lambda: worker._process is None or worker._process.poll() is not None)
    assert_works(worker)


def test_a_worker_replaced_from_a_short_lived_thread_survives_it(
    make: Callable[..., WorkerProcess],
) -> None:
    worker = make()

    def replace_it() -> None:
        assert (
            fit_body(worker, "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(99)").status
            == "died"
        )
        worker.start()
        worker._await_greeting()

    thread = threading.Thread(target=replace_it)
    thread.start()
    thread.join()
    assert worker._process is not None
    pid = worker._process.pid
    time.sleep(0.5)
    assert worker._process.poll() is None
    assert_works(worker)
    assert worker._process.pid == pid


def test_a_fork_of_this_process_can_start_workers(tier: Tier, data: Path, tmp_path: Path) -> None:
    script = f"""
    import os, signal
    from pathlib import Path
    from automl_agent.sandbox.selection import select_tier
    from automl_agent.sandbox.process import WorkerProcess
    from tests.sandbox.conftest import assert_works
    def work(name):
        worker = WorkerProcess(select_tier({tier.name!r}), data=Path({str(data)!r}),
                               scratch=Path({str(tmp_path)!r}) / name)
        assert_works(worker)
        worker.close()
    work("parent")
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        work("child")
        os._exit(7)
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=root, timeout=120)
    assert done.returncode == 7


@pytest.mark.slow
def test_no_descriptors_leak(make: Callable[..., WorkerProcess]) -> None:
    worker = make()
    assert_works(worker)
    before = psutil.Process().num_fds()
    for number in range(30):
        if number % 10 == 0:
            fit_body(worker, "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(99)")
        assert_works(worker)
    assert psutil.Process().num_fds() <= before
    # what the warm process has open, seen from a call
    logs = [
        fit_body(
            worker,
            "import os\nprint(len(os.listdir(f'/proc/{os.getppid()}/fd')))\nraise SystemExit",
        ).log
        for _ in range(2)
    ]
    assert logs[0] == logs[1]


def test_many_open_files_do_not_stop_us(make: Callable[..., WorkerProcess]) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3000, hard))
    held: list[int] = []
    try:
        while not held or held[-1] < 1100:
            held.append(os.open(os.devnull, os.O_RDONLY))
        assert_works(make())
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_interrupt_does_not_confuse_the_next_call(make: Callable[..., WorkerProcess]) -> None:
    worker = make()
    assert_works(worker)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        fit_body(worker, SLEEP)
    timer.join()
    assert_works(worker)


def test_a_pool_starts_and_closes_its_workers(tier: Tier, data: Path) -> None:
    before = {child.pid for child in running_children()}
    with WorkerPool(tier, 2, data.parent) as pool:
        pool.preload(("colorsys",))
        for worker in pool.workers:
            assert_works(worker)
    assert not list(data.parent.glob("worker-*"))
    assert eventually(lambda: {child.pid for child in running_children()} <= before)
