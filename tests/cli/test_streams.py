"""None of the three standard streams may be assumed: closed, full or broken, the command says so and ends in order."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(os.name == "nt", reason="shell redirections")

# A command whose session gives the picture back, so that no model is needed, and whose network, as ONNX Runtime may,
# writes to the number of standard error itself.
SCRIPT = """
import contextlib, os, sys, types, numpy, rmbg_fast.session
from rmbg_fast._cli import main
from rmbg_fast._images import reading, writing
from rmbg_fast._scene import Scene

class Call:
    def __init__(self, image):
        self.source = reading.read(image)
    def remove(self, *how):
        try:
            os.write(2, b"a native library complains")
        except OSError:
            pass
        pixels = self.source.pixels
        cut = numpy.dstack([pixels, numpy.full(pixels.shape[:2], 255, numpy.uint8)])
        return writing.encode_png(cut), Scene(1.0, (0.0, 1.0), ""), {}

class Session:
    stats = types.SimpleNamespace(slots=1)
    def __init__(self, *a, **k): pass
    def _turn(self, *a): return contextlib.nullcontext()
    def _call(self, image, *a, **k): return Call(image)

rmbg_fast.session.Session = Session
sys.exit(main.main(sys.argv[1:]))
"""


def run(folder: Path, arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """`arguments` go through a shell, with its redirections."""
    script = folder / "command.py"
    script.write_text(SCRIPT)
    line = f'exec "{sys.executable}" "{script}" {arguments}'
    return subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, check=False, timeout=120, **options)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 6), (10, 20, 30)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def is_cutout(data: bytes) -> bool:
    image = Image.open(io.BytesIO(data))
    image.load()
    return data.endswith(b"IEND\xaeB`\x82") and (image.mode, image.size) == ("RGBA", (8, 6))


def test_a_closed_standard_error_puts_nothing_into_the_picture(photo: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "remove a.png -v -o - 2>&-")
    assert done.returncode == 0
    assert is_cutout(done.stdout)
    done = run(tmp_path, "remove a.png -v -o out.png 2>&-")
    assert done.returncode == 0
    assert is_cutout((tmp_path / "out.png").read_bytes())


def test_all_three_closed(photo: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "remove a.png -v -o out.png <&- >&- 2>&-").returncode == 0
    assert is_cutout((tmp_path / "out.png").read_bytes())
    assert run(tmp_path, "models list <&- >&- 2>&-").returncode == 1
    assert run(tmp_path, "nonsense <&- >&- 2>&-").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("models list >&-", "standard output cannot be written: Bad file descriptor"),
        ("models list >/dev/full", "standard output cannot be written: No space left on device"),
        ("info >/dev/full", "standard output cannot be written: No space left on device"),
        ("remove a.png -o - >&-", "standard output cannot be written: Bad file descriptor"),
        ("remove a.png -o - >/dev/full", "standard output cannot be written: No space left on device"),
        ("remove - -o out.png <&-", "standard input cannot be read: Bad file descriptor"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(arguments: str, message: str, photo: Path, tmp_path: Path) -> None:
    if "/dev/full" in arguments and not Path("/dev/full").is_char_device():
        pytest.skip("no /dev/full")
    done = run(tmp_path, arguments)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert message in said
    assert len(said.splitlines()) == 1, said
    assert not (tmp_path / "out.png").exists()


def test_help_to_a_full_device_ends_in_order(tmp_path: Path) -> None:
    """What argparse itself prints is lost in silence where the device is like a terminal."""
    if not Path("/dev/full").is_char_device():
        pytest.skip("no /dev/full")
    done = run(tmp_path, "--help >/dev/full")
    assert done.returncode in (0, 1)
    assert len(done.stderr.decode().splitlines()) == done.returncode


def test_a_full_standard_error_stops_nothing(photo: Path, tmp_path: Path) -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("no /dev/full")
    done = run(tmp_path, "remove a.png absent.png -v -o out/ 2>/dev/full")
    assert done.returncode == 1
    assert is_cutout((tmp_path / "out" / "a.png").read_bytes())


def test_streams_that_are_no_files() -> None:
    """A caller of `main` may have put anything in their place."""
    script = (
        "import io, sys; sys.stdout = io.StringIO(); from rmbg_fast._cli import main; sys.exit(main.main(['info']))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
