"""One file from an http or https address: GET only, bounded in size, time and redirects."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from http.client import HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from automl_agent.exceptions import InputError
from automl_agent.version import __version__

MAX_BYTES = 2 * 1024**3
MAX_REDIRECTS = 5
#: Seconds without a byte, and for the whole file.
SILENCE_SECONDS = 30.0
TOTAL_SECONDS = 900.0

_TRIES = 3
_PAUSE_SECONDS = 1.0
_PASSING = frozenset({429, 500, 502, 503, 504})
_CHUNK = 256 * 1024


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows few redirects, and none from https to http or to another scheme."""

    max_redirections = MAX_REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request that follows, if it may."""
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            raise InputError(f"{req.full_url} leads to {newurl[:200]}", "that is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_address(address: str) -> None:
    """See that an address can be asked at all.

    Raises:
        InputError: it has no host, an unusable port, or holds a name and a password.
    """
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in address):
        raise InputError(f"{address} is no address of a file", "such as https://host/table.csv")
    if parts.username or parts.password:
        raise InputError(
            f"the link to {parts.hostname} holds a name or a password",
            "it would be logged: download the file yourself and give its path",
        )


def download(address: str, folder: Path, max_bytes: int = MAX_BYTES) -> Path:
    """Fetch a file; a server that is busy (429, 5xx) is asked three times.

    Args:
        address: an http or https address.
        folder: where the file goes, under the address's last name.
        max_bytes: a larger file is refused.

    Raises:
        InputError: no such page, refused, unreachable, too slow, too large, or cut.
    """
    check_address(address)
    target = folder / _file_name(address)
    deadline = time.monotonic() + TOTAL_SECONDS
    for attempt in range(1, _TRIES + 1):
        try:
            _fetch(address, target, max_bytes, deadline)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _PASSING and attempt < _TRIES:
                time.sleep(_PAUSE_SECONDS * attempt)
                continue
            if 300 <= error.code < 400 and "not allowed" in str(error.reason):
                raise InputError(
                    f"{address} leads to another kind of address", "that is not followed"
                ) from error
            if 300 <= error.code < 400:
                raise InputError(
                    f"{address} leads from page to page without end",
                    f"{MAX_REDIRECTS} redirects are followed",
                ) from error
            raise InputError(
                f"{address} cannot be fetched: {error.code} {error.reason}",
                "open it in a browser: is it the file itself?",
            ) from error
        except TimeoutError as error:
            raise _unreachable(address, f"no answer within {SILENCE_SECONDS:g} s") from error
        except urllib.error.URLError as error:
            reason = error.reason
            if isinstance(reason, TimeoutError):
                raise _unreachable(address, f"no answer within {SILENCE_SECONDS:g} s") from error
            text = getattr(reason, "strerror", None) or str(reason)
            raise _unreachable(address, text) from error
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(address, str(error) or type(error).__name__) from error
        else:
            break
    return target


def _fetch(address: str, target: Path, max_bytes: int, deadline: float) -> None:
    # gzip is left to the file itself: what is asked for is the bytes as they lie on the server
    headers = {"User-Agent": f"automl-agent/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(address, headers=headers, method="GET")
    opener = urllib.request.build_opener(_Redirects())
    with opener.open(request, timeout=SILENCE_SECONDS) as answer, target.open("wb") as out:
        announced = answer.headers.get("Content-Length", "")
        expected = int(announced) if announced.isdecimal() else None
        size = 0
        while True:
            if (expected is not None and expected > max_bytes) or size > max_bytes:
                raise InputError(
                    f"{address} is larger than {_megabytes(max_bytes)}",
                    "download it yourself and give its path, as Parquet if it can be",
                )
            if time.monotonic() > deadline:
                raise _unreachable(address, f"not done within {TOTAL_SECONDS:g} s")
            chunk = answer.read(_CHUNK)
            if not chunk:
                break
            out.write(chunk)
            size += len(chunk)
    if expected is not None and size != expected:
        raise InputError(f"{address} was cut: {size:,} of {expected:,} bytes came", "try again")
    if not size:
        raise InputError(f"{address} is empty")


def _unreachable(address: str, reason: str) -> InputError:
    return InputError(
        f"{address} cannot be fetched: {reason}", "it is not in the cache: online, once is enough"
    )


def _file_name(address: str) -> str:
    last = unquote(urlsplit(address).path).replace("\\", "/").rstrip("/").rpartition("/")[2]
    safe = "".join(c if c.isalnum() or c in "._- " else "_" for c in last).lstrip(".")
    return safe[-100:].lstrip(".") or "download"


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:,.0f} MiB" if size >= 1024**2 else f"{size:,} bytes"
