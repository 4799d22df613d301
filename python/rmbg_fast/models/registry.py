"""Which models there are, and where the file of each is. A new model is a new row of models.toml."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from pathlib import Path

from .._storage import folders
from ..errors import ChecksumError, ModelDownloadError, ModelError
from . import metadata
from .places import ModelFile, Progress
from .spec import WAY_ON, ModelSpec, from_row, rows, spec_of
from .suggest import meant


class LicenseWarning(UserWarning):
    """The licence of the weights that are about to be used forbids commercial use."""


def names() -> list[str]:
    """The names of the models that models.toml knows, the default one first."""
    return list(rows())


def get(name_or_path: str | os.PathLike[str] | ModelSpec) -> ModelSpec:
    """The spec of a model.

    - A name of `names()` gives that row.
    - The path of a .onnx file gives the row in the TOML file beside it (`portrait.onnx`, `portrait.toml`), which has
      the keys of models.toml at its top level, and may start from another model: `like = "isnet-general-use"`.
      Without that file it gives the row that `rmbg-fast convert` has written into the model (metadata.py); without
      that it is refused: a recipe is never guessed. `ModelSpec.for_file` gives one in Python instead.
    - A ModelSpec is returned as it is.

    Raises ModelError: unknown name, no such file, no row, or a row with a bad key or value.
    """
    if isinstance(name_or_path, ModelSpec):
        return name_or_path
    if not isinstance(name_or_path, str | os.PathLike):
        raise ModelError(f"a model is a name, the path of a .onnx file or a ModelSpec, not {name_or_path!r}")
    name = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and name in rows():
        return spec_of(name)
    if name.lower().endswith(".onnx"):
        return _beside(Path(name))
    raise ModelError(f"no model is called {name!r}{meant(name, rows())} (a file of your own must end in .onnx)")


def path(name: str | os.PathLike[str] | ModelSpec) -> Path:
    """Where the model's file lies on this machine. Downloads nothing; raises ModelError if it is not there."""
    spec = get(name)
    found = _present(spec)
    if found is None:
        raise ModelError(
            f"{spec.name} is not on this machine (or is damaged); get it with: rmbg-fast models pull {spec.name}"
        )
    return found


def pull(name: str | os.PathLike[str] | ModelSpec, progress: Progress | None = None) -> Path:
    """Download the model's file unless it is there, and return where it is.

    `progress` is called with (bytes so far, bytes in all or None); without it a terminal shows a bar where tqdm is
    installed. Safe in many threads and processes at once. An interrupted download goes on where it stopped. Weights
    that may not be used commercially give one LicenseWarning a process. Raises ModelDownloadError that names each place
    and why it failed (ChecksumError if a place sent another file), or that RMBG_FAST_OFFLINE is set.
    """
    return ensure(get(name), progress)


def ensure(spec: ModelSpec, progress: Progress | None = None) -> Path:
    """`pull`, of a spec."""
    found = _present(spec)
    if found is None:
        if spec.path is not None:
            raise ModelError(f"{spec.path}: there is no such model file (it was there before)")
        if not spec.files:
            raise ModelError(f"{spec.name}: its row names neither a path nor files to download")
        if folders.offline():
            raise ModelDownloadError(
                f"{spec.name} is not on this machine and RMBG_FAST_OFFLINE forbids to download it; put "
                f"{' or '.join(file.filename for file in spec.files)} into {folder()}. {WAY_ON}"
            )
    _notice(spec)
    if found is None:
        from . import download

        found = download.fetch(spec, folder(), progress)
    return found


def check(name: str | os.PathLike[str] | ModelSpec, progress: Progress | None = None) -> tuple[Path, bool]:
    """Read the whole of the model's file and compare its digest: where it is, and whether it had to be fetched anew.

    A file of one's own has no digest to compare. Raises ModelError if there is no file, ModelDownloadError if it is
    damaged and cannot be fetched, as `pull` does.
    """
    spec = get(name)
    found = path(spec)
    try:
        file = file_of(spec, found)
        if file is not None:
            file.check(found)
    except ChecksumError:
        return renew(spec, found, progress), True
    except OSError as exc:
        raise ModelError(f"{found}: cannot be read: {exc.strerror or exc}") from exc
    return found, False


def renew(spec: ModelSpec, damaged: Path, progress: Progress | None = None) -> Path:
    """Fetch the model's file in place of one that is not what its row says, and warn. Raises as `pull` does."""
    if folders.offline():
        raise ModelDownloadError(
            f"{damaged}: is damaged, and RMBG_FAST_OFFLINE forbids to download {spec.name} anew. {WAY_ON}"
        )
    from . import download

    warnings.warn(f"{damaged}: is damaged; {spec.name} is fetched anew", RuntimeWarning, stacklevel=3)
    return download.fetch(spec, folder(), progress, anew=True)


def file_of(spec: ModelSpec, path: Path) -> ModelFile | None:
    """Which of the row's files lies at `path`; None for a file of one's own."""
    return next((file for file in spec.files if spec.path is None and file.filename == path.name), None)


def folder() -> Path:
    """The folder that downloaded models lie in. It need not exist yet."""
    return folders.home() / "models"


_PACKAGE = Path(__file__).parent


def _present(spec: ModelSpec) -> Path | None:
    if spec.path is not None:
        return spec.path if spec.path.is_file() else None
    places = [(file, where / file.filename) for where in _folders() for file in spec.files]
    return next((path for file, path in places if file.is_whole(path)), None)


def _folders() -> list[Path]:
    with suppress(ModelError):  # a user without a home folder has the embedded model still
        return [folder(), _PACKAGE]
    return [_PACKAGE]


_noticed: set[str] = set()


def _notice(spec: ModelSpec) -> None:
    if spec.commercial or spec.name in _noticed:
        return
    _noticed.add(spec.name)
    warnings.warn(
        f"the licence of {spec.title or spec.name} ({spec.license}) forbids commercial use; see {spec.homepage}",
        LicenseWarning,
        stacklevel=4,
    )


def _beside(model: Path) -> ModelSpec:
    import tomllib

    if not model.is_file():
        raise ModelError(f"{model}: there is no such model file")
    toml = model.with_suffix(".toml")
    try:
        row, where = tomllib.loads(toml.read_text(encoding="utf-8")), toml
    except FileNotFoundError as exc:
        own = metadata.read(model)
        if own is None:
            raise ModelError(
                f"{model}: how to feed this model (size, resample, mean, std, activation, min-max, ...) is never "
                f"guessed. Either write {model.stem}.toml beside it, with the keys of a row (for instance "
                f'like = "isnet-general-use" and size = [1024, 1024]), or pass ModelSpec.for_file({model.name!r}, '
                f'like="isnet-general-use", size=(1024, 1024)) as the model, or make it with `rmbg-fast convert`, '
                f"which writes the row into the file"
            ) from exc
        row, where = own, model
    except (OSError, ValueError) as exc:  # ValueError: not TOML, not UTF-8
        raise ModelError(f"{toml}: cannot be read as TOML: {exc}") from exc
    return from_row(model.stem, row, where=str(where), path=model)
