"""Downloads that a full disk, a callback, or the end of the process interrupts; many at once."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import models
from rmbg_fast.errors import ChecksumError, ModelDownloadError
from rmbg_fast.models import urls
from support.model_server import CONTENT, SHA256, Server, left, spec
from support.parallel import in_threads

pytestmark = pytest.mark.usefixtures("home")


def test_damaged_file_is_pulled_anew(server: Server, home: Path):
    (home / "models").mkdir(parents=True)
    (home / "models" / "model.onnx").write_bytes(CONTENT[:-1])
    assert models.pull(spec(server.url)).read_bytes() == CONTENT


def test_full_disk_says_so_and_leaves_nothing(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(urls.os, "replace", full)
    with pytest.raises(ModelDownloadError, match=r"model\.onnx: cannot be written: No space left.*RMBG_FAST_HOME"):
        models.pull(spec(server.url))
    assert left(home) == []


def test_folder_that_is_a_file(server: Server, home: Path):
    home.write_bytes(b"")
    with pytest.raises(ModelDownloadError, match="cannot be written"):
        models.pull(spec(server.url))


def test_stopped_from_the_progress_callback_goes_on_later(server: Server, home: Path):
    def stop(done: int, total: int | None) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models.pull(spec(server.url), stop)
    assert left(home) == ["model.onnx.part"]
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert server.asked[1] is not None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ChecksumError("mine"), TimeoutError()])
def test_what_the_progress_callback_raises_is_the_caller_s(server: Server, home: Path, error: Exception):
    def stop(done: int, total: int | None) -> None:
        if done > 100_000:
            raise error

    with pytest.raises(type(error)) as caught:
        models.pull(spec(server.url), stop)
    assert caught.value is error
    assert left(home) == ["model.onnx.part"]
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert server.asked[1] is not None, "what had come was loaded again"


def test_killed_process_leaves_a_part_that_the_next_one_continues(server: Server, home: Path):
    code = textwrap.dedent(f"""
        import dataclasses, os, signal
        from rmbg_fast import models
        from rmbg_fast.models.places import ModelFile, UrlPlace
        file = ModelFile("model.onnx", {SHA256!r}, (UrlPlace({server.url!r}),), {len(CONTENT)})
        spec = dataclasses.replace(models.get("u2netp"), name="model", files=(file,))
        models.pull(spec, lambda done, total: done > 300_000 and os._exit(9))
    """)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert set(left(home)) <= {"model.onnx.part", "model.onnx.lock"}
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert left(home) == ["model.onnx"]


def test_many_at_once_load_it_once(server: Server, home: Path):
    server.stall = 0.05
    found = in_threads(4, lambda _: models.pull(spec(server.url)))
    assert found == [home / "models" / "model.onnx"] * 4
    assert len(server.asked) == 1
    assert left(home) == ["model.onnx"]
