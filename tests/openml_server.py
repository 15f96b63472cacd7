"""A server on the loopback that answers as OpenML's does, and can be made to fail."""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.sax.saxutils import escape

XMLNS = 'xmlns:oml="http://openml.org/openml"'
NOTHING = "<oml:error {}><oml:code>{}</oml:code><oml:message>{}</oml:message></oml:error>"

ADULT = (
    "age workclass fnlwgt education education-num marital-status occupation relationship race sex "
    "capital-gain capital-loss hours-per-week native-country class"
)


@dataclass(frozen=True)
class Table:
    """A dataset on the server."""

    id: int
    name: str
    version: int
    arff: bytes
    target: str | None = "class"
    status: str = "active"
    ignore: str | None = None
    checksum: bool = True


@dataclass
class LoopbackServer:
    """What it serves and what it was asked.

    Attributes:
        tables: datasets.
        tasks: `task.xml` and `datasplits.arff` by number.
        files: other paths and their bytes.
        failures: for paths that contain a text, the answers to come: a status, or "cut", "wrong".
        asked: the paths asked for, in order.
    """

    tables: list[Table] = field(default_factory=list)
    tasks: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    failures: dict[str, list[int | str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.root}/api/v1/xml"

    @contextmanager
    def running(self) -> Iterator[LoopbackServer]:
        handler = type("Handler", (_Handler,), {"site": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        if path in self.files:
            return 200, self.files[path]
        if found := re.fullmatch(r"/data/download/(\d+)/.*", path):
            return 200, self._table(int(found[1])).arff
        if found := re.fullmatch(r"/splits/(\d+)", path):
            return 200, self.tasks[int(found[1])][1]
        if not path.startswith("/api/v1/xml/"):
            return 404, b"<html><head><title>404</title></head><body><p>gone<br></body></html>"
        call = path.removeprefix("/api/v1/xml/")
        if call.startswith("data/list"):
            return self._list(dict(re.findall(r"(\w+)/([^/]+)", call.removeprefix("data/list/"))))
        if found := re.fullmatch(r"data/(\d+)", call):
            return self._known(int(found[1]), self._description)
        if found := re.fullmatch(r"data/features/(\d+)", call):
            return self._known(int(found[1]), self._features)
        if (found := re.fullmatch(r"task/(\d+)", call)) and int(found[1]) in self.tasks:
            url = f"<oml:data_splits_url>{self.root}/splits/{found[1]}</oml:data_splits_url>"
            xml = self.tasks[int(found[1])][0]
            return 200, re.sub(r"<oml:data_splits_url>.*?</oml:data_splits_url>", url, xml).encode()
        return 412, NOTHING.format(XMLNS, 151, "Unknown task").encode()

    def _table(self, number: int) -> Table:
        return next(table for table in self.tables if table.id == number)

    def _known(self, number: int, describe: object) -> tuple[int, bytes]:
        if number not in [table.id for table in self.tables]:
            return 412, NOTHING.format(XMLNS, 111, "Unknown dataset").encode()
        assert callable(describe)
        return 200, describe(self._table(number)).encode()

    def _list(self, filters: dict[str, str]) -> tuple[int, bytes]:
        offset = int(filters.get("offset", 0))
        found = [
            table
            for table in self.tables
            if table.name == filters["data_name"]
            and table.status == filters.get("status", "active")
        ][offset:]
        if not found:
            return 412, NOTHING.format(XMLNS, 372, "No results").encode()
        rows = "".join(
            f"<oml:dataset><oml:did>{t.id}</oml:did><oml:name>{t.name}</oml:name>"
            f"<oml:version>{t.version}</oml:version><oml:status>{t.status}</oml:status>"
            "<oml:format>ARFF</oml:format><oml:quality name='NumberOfInstances'>9</oml:quality>"
            "<oml:quality name='NumberOfFeatures'>3</oml:quality></oml:dataset>"
            for t in found
        )
        return 200, f"<oml:data {XMLNS}>{rows}</oml:data>".encode()

    def _description(self, table: Table) -> str:
        optional = {
            "default_target_attribute": table.target,
            "ignore_attribute": table.ignore,
            "md5_checksum": hashlib.md5(table.arff).hexdigest() if table.checksum else None,
        }
        tags = "".join(f"<oml:{k}>{escape(v)}</oml:{k}>" for k, v in optional.items() if v)
        return (
            f"<oml:data_set_description {XMLNS}><oml:id>{table.id}</oml:id>"
            f"<oml:name>{table.name}</oml:name><oml:version>{table.version}</oml:version>"
            f"<oml:description>A table</oml:description><oml:format>ARFF</oml:format>"
            f"<oml:licence>Public</oml:licence>"
            f"<oml:url>{self.root}/data/download/{table.id}/{table.name}.arff</oml:url>"
            f"{tags}<oml:status>{table.status}</oml:status></oml:data_set_description>"
        )

    def _features(self, table: Table) -> str:
        rows = []
        header = table.arff.decode().lower().partition("@data")[0]
        declared = re.findall(r"@attribute\s+'?([\w-]+)'?\s+(.*)", header)
        for index, (name, kind) in enumerate(declared):
            values = [value.strip() for value in kind.strip("{} \r").split(",")]
            nominal = "".join(f"<oml:nominal_value>{escape(v)}</oml:nominal_value>" for v in values)
            rows.append(
                f"<oml:feature><oml:index>{index}</oml:index><oml:name>{name}</oml:name>"
                f"<oml:data_type>{'nominal' if '{' in kind else 'numeric'}</oml:data_type>"
                f"{nominal if '{' in kind else ''}"
                "<oml:number_of_missing_values>0</oml:number_of_missing_values></oml:feature>"
            )
        return f"<oml:data_features {XMLNS}>{''.join(rows)}</oml:data_features>"


class _Handler(BaseHTTPRequestHandler):
    site: LoopbackServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.site.asked.append(path)
        if path in self.site.redirects:
            self.send_response(302)
            self.send_header("Location", self.site.redirects[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        due = next((f for text, f in self.site.failures.items() if text in path and f), [])
        failure = due.pop(0) if due else None
        status, body = self.site.answer(path)
        if isinstance(failure, int):
            status, body = (
                failure,
                b"<html><head></head><body>Service Unavailable<br></body></html>",
            )
        length = len(body)
        if failure == "cut":
            body = body[: length // 2]
        elif failure == "wrong":
            body = body.replace(b"1", b"7")
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def adult_arff(folder: Path) -> bytes:
    """UCI's Adult, training and test rows together, as OpenML holds it: 48842 rows."""
    texts = [
        gzip.decompress((folder / f"adult/adult-{part}.csv.gz").read_bytes()).decode()
        for part in ("train", "test")
    ]
    lines = [line.strip().rstrip(".") for text in texts for line in text.splitlines()]
    rows = [line.split(", ") if ", " in line else line.split(",") for line in lines if "," in line]
    names = ADULT.split()
    numeric = {"age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"}
    header = ["@RELATION adult", ""]
    for position, name in enumerate(names):
        values = sorted({row[position] for row in rows} - {"?"})
        kind = "REAL" if name in numeric else "{" + ", ".join(values) + "}"
        header.append(f'@ATTRIBUTE "{name}" {kind}')
    data = [",".join(row) for row in rows]
    return "\n".join([*header, "", "@DATA", *data, ""]).encode()
