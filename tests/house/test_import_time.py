"""`import rmbg_fast` stays cheap: a program that only might cut out a photo does not pay for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("shutil", "bz2", "lzma", "json", "urllib.request", "tomllib", "http.client", "onnx", "onnxruntime", "tarfile")


@pytest.mark.parametrize("what", ["import rmbg_fast", "import rmbg_fast; rmbg_fast.Session, rmbg_fast.remove"])
def test_nothing_heavy_is_imported(what: str) -> None:
    script = f"""
import numpy, PIL.Image, sys
before = set(sys.modules)
{what}
print(*sorted(set({HEAVY!r}) & (set(sys.modules) - before)))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    script = "import sys, rmbg_fast; print(*[name for name in sys.modules if name.startswith('rmbg_fast.')])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_every_public_name_is_there() -> None:
    import rmbg_fast

    assert all(getattr(rmbg_fast, name) is not None for name in rmbg_fast.__all__)
    assert set(rmbg_fast.__all__) <= set(dir(rmbg_fast))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rmbg_fast.nothing  # type: ignore[attr-defined]  # noqa: B018
