"""The real model, fetched once, for the tests that need one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import Session, _core, models
from rmbg_fast._images import sample
from support import browsing

# Its asserts show their values, as those of test files do.
pytest.register_assert_rewrite("support.network_runs", "support.kernel_runs", "support.refusals")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is prepared for tests does not stay in the user's cache folder; the models there are used."""
    models.folder().mkdir(parents=True, exist_ok=True)
    home = tmp_path_factory.mktemp("home")
    temporary = tmp_path_factory.mktemp("temporary")  # where they go if the cache folder cannot be written
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        patch.setenv("TMPDIR", str(temporary))
        with suppress(OSError):  # links need a right on Windows
            (home / "models").symlink_to(models.folder(), target_is_directory=True)
            patch.setenv("RMBG_FAST_HOME", str(home))
        yield


@pytest.fixture(scope="session")
def isnet_path() -> Path:
    """The real `isnet-general-use` file. Without RMBG_FAST_OFFLINE it is fetched; a fetch that fails is a failure."""
    if os.environ.get("RMBG_FAST_OFFLINE") == "1" and not _present():
        pytest.skip("RMBG_FAST_OFFLINE is set and the model is not there")
    return models.ensure(models.get("isnet-general-use"))


@pytest.fixture(scope="session")
def isnet_session(isnet_path: Path) -> Session:
    return Session("isnet-general-use", device="cpu")


def _present() -> bool:
    try:
        models.path("isnet-general-use")
    except models.ModelError:
        return False
    return True


@pytest.fixture(scope="session")
def cat_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample photo as cat.png."""
    path = tmp_path_factory.mktemp("photos") / "cat.png"
    sample.photo().convert("RGB").save(path)
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium. RMBG_FAST_BROWSER=1 makes a failure of one that is not there."""
    yield from browsing.chromium()


@pytest.fixture(params=[name for name, runs in _core.tiers().items() if runs])
def tier(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each SIMD tier of the kernels that this CPU has, in force for the test."""
    _core.set_tier(request.param)
    yield request.param
    _core.set_tier("auto")
