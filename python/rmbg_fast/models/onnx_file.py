"""ONNX files that a command makes: where they may go, what they say of themselves, how they get there whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .._storage import writing as storage
from ..errors import OptionError, OutputError
from . import metadata
from .spec import ModelSpec

if TYPE_CHECKING:
    from onnx import ModelProto


def check_target(target: Path, sources: Iterable[Path], suffix: str = ".onnx") -> None:
    """See, before any work, that `target` can be written and is none of the `sources`.

    Raises OptionError for a name that does not end in `suffix` or is a source's, OutputError where there is no folder.
    """
    if not target.name.lower().endswith(suffix):
        raise OptionError(f"{target}: the output must be called something{suffix}")
    if target.is_dir():
        raise OptionError(f"{target}: is a folder; name a file in it")
    if not target.parent.is_dir():
        raise OutputError(f"{target}: cannot be written: there is no folder {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"{target}: cannot be written: the folder {target.parent} is write-protected")
    for source in sources:
        if os.path.realpath(source) == os.path.realpath(target) or (target.exists() and target.samefile(source)):
            raise OptionError(f"{target}: would overwrite the source {source}: name another output")


def note_row(model: ModelProto, spec: ModelSpec) -> None:
    """Write the row of `spec` into the model's metadata; its only output is what `spec.output` was."""
    metadata.write(model, {**spec.row(), "output": 0})


def write(model: ModelProto, target: Path) -> int:
    """Write the model whole or not at all, and return its size in bytes. Raises OutputError."""
    data = model.SerializeToString()
    storage.write(target, data, to_the_disk=True)
    return len(data)
