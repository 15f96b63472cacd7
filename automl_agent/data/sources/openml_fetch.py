"""Asking OpenML: the client's process, its time limit, and what its failures mean to the user."""

from __future__ import annotations

import importlib.util
import json
import os
import site
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from automl_agent.exceptions import InputError

PUBLIC_SERVER = "https://www.openml.org/api/v1/xml"
FETCH_SECONDS = 900.0

_CONNECT_SECONDS = 10.0
_INSTALL = "pip install 'automl-agent[openml]'"


class OpenMLError(InputError):
    """OpenML did not give what was asked for.

    Args:
        message: what is wrong.
        hint: what to do.
        kind: absent, private, unreachable, damaged, server or missing (no client installed).
    """

    def __init__(self, message: str, hint: str = "", kind: str = "server") -> None:
        super().__init__(message, hint)
        self.kind = kind


def server() -> str:
    """The server's API: `$AUTOML_AGENT_OPENML_SERVER` (a mirror), else the public one."""
    return os.environ.get("AUTOML_AGENT_OPENML_SERVER") or PUBLIC_SERVER


def server_name() -> str:
    """The server's host, with its port if it has one."""
    return urlsplit(server()).netloc or server()


def ask_openml(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Have openml-python answer a request, in a process of its own.

    Args:
        request: one of "name", "id" and "task"; see `openml_client`.
        folder: where the files go.

    Raises:
        OpenMLError: the client is not installed, or the server cannot be reached, does not have it
            or gave something damaged.
    """
    if importlib.util.find_spec("openml") is None:
        raise OpenMLError("OpenML's client is not installed", _INSTALL, "missing")
    _check_reachable()
    asked = json.dumps({**request, "folder": str(folder), "server": server()})
    client = Path(__file__).with_name("openml_client.py")
    try:
        ended = subprocess.run(
            [sys.executable, "-P", str(client), asked],
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OpenMLError(
            f"{server_name()} did not answer in full within {FETCH_SECONDS:g} s", kind="unreachable"
        ) from error
    try:
        answer: dict[str, Any] = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        raise OpenMLError(f"OpenML's client failed: {last[:300]}", _INSTALL) from error
    if "error" in answer:
        raise _failure(str(answer["error"]), str(answer["message"]))
    return answer


def _check_reachable() -> None:
    """Find out in a moment what the client would take many seconds to say."""
    parts = urlsplit(server())
    if urllib.request.getproxies().get(parts.scheme) and not urllib.request.proxy_bypass(
        parts.hostname or ""
    ):
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), _CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OpenMLError(
            f"{server_name()} cannot be reached: {reason}", kind="unreachable"
        ) from error


def _environment(folder: Path) -> dict[str, str]:
    """The client's: all that it writes, it writes into the folder."""
    return {
        **os.environ,
        "OPENML_CACHE_DIR": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "HOME": str(folder),
        # with another home Python would not find what `pip install --user` has put there
        "PYTHONUSERBASE": site.getuserbase(),
    }


def _failure(kind: str, message: str) -> OpenMLError:
    where = server_name()
    text, hint = {
        "absent": (f"{where} does not have it: {message}", ""),
        "private": (f"{where} does not give it to everybody: {message}", ""),
        "unreachable": (f"{where} cannot be reached: {message}", ""),
        "damaged": (f"what {where} sent is damaged: {message}", "try again later"),
    }.get(kind, (f"{where} answered with an error: {message}", "try again later"))
    return OpenMLError(text, hint, kind)
