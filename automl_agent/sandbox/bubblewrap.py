"""Tier `bubblewrap`: own namespaces, no network, a whitelist of read-only mounts.

bwrap itself is started with an empty environment (its process keeps the environment it was given,
readable as /proc/1/environ inside), and mounts name folders one by one, never `/`. Only the scratch
folder and /dev/shm can be written, so that it is known what a call may leave behind: bwrap's own
root and /dev are writable unless they are remounted, and /tmp is the scratch folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from automl_agent.sandbox.base import PYTHON_OPTIONS, Launch, Mounts, worker_environment

DATA, SCRATCH, WORKER = "/data", "/scratch", "/worker.py"

ISOLATION = (
    "--unshare-all", "--unshare-user", "--disable-userns",
    "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL",
    "--new-session", "--die-with-parent", "--hostname", "sandbox",
)  # fmt: skip

SYSTEM = (
    "--ro-bind", "/usr", "/usr",
    "--symlink", "usr/bin", "/bin",
    "--symlink", "usr/lib", "/lib",
    "--symlink", "usr/lib64", "/lib64",
    "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache",
    "--ro-bind-try", "/etc/alternatives", "/etc/alternatives",
    "--ro-bind-try", "/etc/localtime", "/etc/localtime",
    "--dev", "/dev", "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--proc", "/proc",
)  # fmt: skip


@dataclass(frozen=True)
class Bubblewrap:
    """Runs the worker under the `bwrap` found at `executable`."""

    executable: str
    name: str = "bubblewrap"
    warning: str = ""

    def launch(self, mounts: Mounts) -> Launch:
        """See `Tier.launch`."""
        environment = worker_environment(SCRATCH)
        command = [self.executable, *ISOLATION, *SYSTEM]
        command += interpreter_mounts()
        if not any(Path(folder).is_relative_to("/tmp") for folder in interpreter_folders()):
            command += ["--symlink", SCRATCH, "/tmp"]
        command += ["--ro-bind", str(mounts.worker), WORKER]
        if mounts.data is not None:
            command += ["--ro-bind", str(mounts.data), DATA]
        command += ["--bind", str(mounts.scratch), SCRATCH, "--chdir", SCRATCH]
        command += ["--remount-ro", "/", "--clearenv"]
        for key, value in environment.items():
            command += ["--setenv", key, value]
        command += [sys.executable, *PYTHON_OPTIONS, WORKER]
        return Launch(
            command=tuple(command),
            environment={},
            data=DATA if mounts.data is not None else None,
            scratch=SCRATCH,
            wipe=("/dev/shm",),
            private_pids=True,
        )


def interpreter_mounts() -> list[str]:
    """Options that mount this interpreter."""
    return [part for folder in interpreter_folders() for part in ("--ro-bind", folder, folder)]


def interpreter_folders() -> list[str]:
    """This interpreter's folders outside /usr, outermost first."""
    places = {
        Path(sys.base_prefix).resolve(),
        Path(sys.prefix).resolve(),
        Path(sys.prefix),
        Path(sys.executable).parent.parent,
        Path(sys.executable).resolve().parent.parent,
    }
    outside = {str(p) for p in places if not p.is_relative_to("/usr")}
    return sorted(outside, key=len)


def find_bubblewrap() -> Bubblewrap | None:
    """The installed bwrap, if it can really make its namespaces here."""
    executable = shutil.which("bwrap")
    if executable is None:
        return None
    try:
        trial = subprocess.run(
            [
                executable,
                *ISOLATION,
                *SYSTEM,
                *interpreter_mounts(),
                sys.executable,
                "-c",
                "",
            ],
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Bubblewrap(executable) if trial.returncode == 0 else None
