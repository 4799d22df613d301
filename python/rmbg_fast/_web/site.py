"""The page with its models as a folder that any web server can host."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._storage import writing
from ..errors import OutputError, RuntimeNotFoundError
from ..models import ModelSpec
from . import model_file, pages

PAGE = Path(__file__).with_name("page")
"""What scripts/build_web.py makes; wheels have it."""

HEADERS = {
    # Both give the page shared memory, and so threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Each visit asks whether a file has changed.
    "Cache-Control": "no-cache",
}


def write(folder: Path, specs: Sequence[ModelSpec]) -> None:
    """Write page and models to `folder`; the first model is the page's default. Files of other names stay.

    Raises ModelError for a model that cannot run in a page, OutputError, RuntimeNotFoundError where this installation
    has no page.
    """
    if not (PAGE / "index.html").is_file():
        raise RuntimeNotFoundError(
            "this installation has no page: it was built from source without scripts/build_web.py"
        )
    writing.make_folder(folder / "models")
    listed = [_write_model(folder / "models", spec) for spec in specs]
    try:
        shutil.copytree(PAGE, folder, dirs_exist_ok=True)
    except (OSError, shutil.Error) as exc:
        raise OutputError(f"{folder}: the page cannot be written: {exc}") from exc
    writing.write(folder / "index.html", pages.assembled(PAGE / "index.html"))
    writing.write(folder / "models.json", json.dumps(listed, indent=2).encode("utf-8"))
    # As Netlify and Cloudflare Pages read it; the documentation has those of other servers.
    lines = "".join(f"  {name}: {value}\n" for name, value in HEADERS.items())
    writing.write(folder / "_headers", f"/*\n{lines}".encode("ascii"))


def _write_model(folder: Path, spec: ModelSpec) -> dict[str, Any]:
    target = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '-', spec.name)}.rmbg"
    header = model_file.write(spec, target)
    about = {key: header[key] for key in ("name", "title", "license", "commercial", "homepage", "recipe", "sha256")}
    about["recipes"] = list(header["recipes"])
    return {**about, "file": f"models/{target.name}", "bytes": target.stat().st_size}
