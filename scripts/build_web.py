#!/usr/bin/env python3
"""Build the page: the core as WebAssembly, the module and the page itself, into python/rmbg_fast/_web/page.

The tool chain is one package: pip install ziglang==0.17.1. The first build takes minutes, for it builds the C++ library
too. Nothing of the result is in git; a wheel carries it where it is there when the wheel is built.

    scripts/build_web.py [FOLDER]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "python/rmbg_fast/_web/page"
SOURCES = [
    *("codecs/deflate", "codecs/dispatch", "codecs/huffman", "codecs/png_encode", "codecs/reference"),
    *("codecs/tier_baseline", "core/cpu", "core/stop", "kernels/dispatch", "kernels/reference"),
    *("kernels/tier_baseline", "net/arena", "net/cost", "net/dispatch", "net/executor", "net/network", "net/plan"),
    *(
        "net/run_deformable",
        "net/run_direct",
        "net/run_simple",
        "net/run_winograd",
        "net/sampling",
        "net/schedule",
        "net/tier_reference",
    ),
    *("pipeline/around_network", "pipeline/axis", "pipeline/cutout", "pipeline/mask_range"),
    *("pipeline/mask_resizer", "pipeline/packed_rows", "pipeline/preprocess", "pipeline/recipe", "pipeline/scaling"),
    *(
        "pipeline/scene",
        "pipeline/subject_box",
        "web/exports",
        "web/input_strips",
        "web/memory",
        "web/pool",
        "web/session",
    ),
]
TIER = "net/tier_wasm"  # all that asks whether the CPU has relaxed SIMD
PLAIN = "generic+simd128+bulk_memory+atomics+sign_ext+nontrapping_fptoint"
CPUS = {"relaxed": f"{PLAIN}+relaxed_simd", "plain": PLAIN}
COMPILE = ["-O3", "-std=c++20", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-ffp-contract=off", "-Icpp"]
COMPILE += ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-ffile-prefix-map=.=.", "-Wno-unused-command-line-argument"]
LINK = [
    "-mexec-model=reactor",
    "-s",
    "-Wl,--import-memory",
    "-Wl,--gc-sections",
    "-Wl,-z,stack-size=262144",
    "-Wl,--export=__stack_pointer",
]
SHARED = [
    *("-Wl,--shared-memory", "-Wl,--max-memory=4294901760"),
    *("-Wl,--export=__wasm_init_tls", "-Wl,--export=__tls_size", "-Wl,--export=__tls_align"),
]


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as workers:
        shared = [workers.submit(compile_one, Path(folder), source, PLAIN) for source in SOURCES]
        tiers = {name: workers.submit(compile_one, Path(folder) / name, TIER, cpu) for name, cpu in CPUS.items()}
        objects = [one.result() for one in shared]
        for name, tier in tiers.items():
            for suffix, options in {"": [], "-threads": SHARED}.items():
                link([*objects, tier.result()], options, target / f"core-{name}{suffix}.wasm")
    for part in ("web/module", "web/page", "python/rmbg_fast/_web/shared"):  # the last: with the service's page
        shutil.copytree(ROOT / part, target, ignore=shutil.ignore_patterns("*.part.html"), dirs_exist_ok=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    package = json.loads((target / "package.json").read_text("utf-8"))
    (target / "package.json").write_text(json.dumps({**package, "version": project["version"]}, indent=2), "utf-8")


def compile_one(folder: Path, source: str, cpu: str) -> Path:
    folder.mkdir(exist_ok=True)
    made = folder / f"{source.replace('/', '_')}.o"
    zig("-c", f"cpp/{source}.cpp", "-o", str(made), *COMPILE, cpu=cpu)
    return made


def link(objects: list[Path], options: list[str], made: Path) -> None:
    """With the libraries for the plain CPU, whatever the objects are for: they are compiled once."""
    zig(*map(str, objects), "-o", str(made), "-O3", *LINK, *options, cpu=PLAIN)
    print(f"{made}: {made.stat().st_size / 1e3:.0f} kB")


def zig(*arguments: str, cpu: str) -> None:
    command = [sys.executable, "-m", "ziglang", "c++", "-target", "wasm32-wasi", f"-mcpu={cpu}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")


if __name__ == "__main__":
    main()
