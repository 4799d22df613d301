"""The web server of the page, and the command that starts it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rmbg_fast._cli.main import main
from rmbg_fast._web import server, site
from rmbg_fast.errors import OptionError


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    served = tmp_path / "served"
    (served / "models").mkdir(parents=True)
    (served / "index.html").write_text("the page")
    (served / "core.wasm").write_bytes(b"\0asm")
    (served / "page.js").write_text("0")
    (tmp_path / "secret").write_text("secret")
    with server.serve(served, "127.0.0.1", 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_address[1]
        running.shutdown()


def get(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_all_answers_have_the_headers(port: int) -> None:
    for path, kind in {
        "/": "text/html; charset=utf-8",
        "/core.wasm": "application/wasm",
        "/page.js": "text/javascript",
    }.items():
        status, headers, _ = get(port, path)
        assert status == 200
        assert headers["content-type"] == kind
        assert headers.items() >= {name.lower(): value for name, value in site.HEADERS.items()}.items()


@pytest.mark.parametrize("path", ["/missing", "/models/", "/../secret", "/%2e%2e/secret"])
def test_nothing_else_is_served(port: int, path: str) -> None:
    status, _, body = get(port, path)
    assert status == 404
    assert b"secret" not in body


def test_a_port_that_is_taken_is_said(port: int, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=f"127.0.0.1:{port} cannot be served"):
        server.serve(tmp_path, "127.0.0.1", port)


def test_the_command_exports(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["web", "--export", str(tmp_path / "site")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "site")
    listed = json.loads((tmp_path / "site" / "models.json").read_text("utf-8"))
    assert [entry["name"] for entry in listed] == ["u2netp"]
    names = {path.name for path in (tmp_path / "site").iterdir()}
    assert names >= {
        "index.html",
        "rmbg-fast.js",
        "rmbg-fast.d.ts",
        "package.json",
        "core-plain.wasm",
        "_headers",
        "models",
    }


def test_the_command_refuses_a_file_in_the_folders_place(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site").write_text("mine")
    assert main(["web", "--export", str(tmp_path / "site")]) == 1
    assert "cannot be made" in capsys.readouterr().err
    assert (tmp_path / "site").read_text() == "mine"
