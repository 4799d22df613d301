"""The kernels beside their rivals and beside what the memory allows, and whole calls beside rembg's: a report.

    python benches/report.py [--quick] [--out FOLDER] [--only PART ...]

All rivals that are installed take part; results are compared before anything is timed. What is compared with what takes
turns in one process, and figures are medians. The folder (`report` by default) gets report.md, which is printed too,
report.json with every figure, and the plots sizes.png and stages.png, for which matplotlib is needed. `--quick`
measures little, to see that it runs. All of it takes about five minutes, 4 GB of memory, and the model.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # torch's idle threads would take the time of whoever comes next

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import kernels
import plots
import rivals
import sweep
import variants
import whole_calls

import rmbg_fast

PACKAGES = (
    "rmbg-fast",
    "numpy",
    "pillow",
    "opencv-python-headless",
    "opencv-python",
    "cykooz-resizer",
    "torch",
    "rembg",
    "onnxruntime",
)


class Part(NamedTuple):
    title: str
    measure: Callable[..., list[dict[str, Any]]]
    markdown: Callable[[list[dict[str, Any]]], str]


PARTS = {
    "kernels": Part("The kernels beside their rivals", kernels.measure, kernels.markdown),
    "variants": Part("Samples, channels and layouts", variants.measure, variants.markdown),
    "sweep": Part("From the smallest picture to the largest", sweep.measure, sweep.markdown),
    "first calls": Part("The first picture of a size", sweep.first_calls, sweep.markdown_of_first),
    "whole calls": Part("Whole calls beside rembg", whole_calls.measure, whole_calls.markdown),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small pictures, few rounds")
    parser.add_argument("--out", type=Path, default=Path("report"), metavar="FOLDER")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"facts": facts()}
    texts = ["# Benchmarks", markdown(report["facts"])]
    print("\n\n".join(texts), flush=True)
    for name in options.only:
        part = PARTS[name]
        report[name] = part.measure(quick=options.quick)
        texts.append(f"## {part.title}\n\n{part.markdown(report[name])}")
        print(f"\n{texts[-1]}", flush=True)
    (options.out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    try:
        drawn = plots.draw(report, options.out)
    except ImportError:
        print("\nNo plots: matplotlib is not installed.")
        drawn = []
    texts += [f"![{path.stem}]({path.name})" for path in drawn]
    (options.out / "report.md").write_text("\n\n".join(texts) + "\n", encoding="utf-8")


def facts() -> dict[str, Any]:
    info = rmbg_fast.build_info()
    return {
        "cpu": cpu(),
        "cores": info["threads"],
        "tier": info["active_tier"],
        "network tier": info["network_tier"],
        "compiler": info["compiler"],
        "platform": info["platform"],
        "python": info["python"],
        "versions": {name: found for name in PACKAGES if (found := rivals.installed(name))},
    }


def markdown(known: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in known["versions"].items())
    missing = [name for name in ("opencv-python-headless", "cykooz-resizer", "torch", "rembg") if name not in packages]
    lines = [
        f"{known['cpu']}, {known['cores']} cores; kernels on tier {known['tier']}, network on {known['network tier']}",
        f"{known['platform']}, Python {known['python']}, {known['compiler']}",
        packages,
        *([f"Not installed: {', '.join(missing)}"] if missing else []),
    ]
    return "\n".join(f"- {line}" for line in lines)


def cpu() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
