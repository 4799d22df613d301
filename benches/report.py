"""The kernels beside their rivals and beside what the memory allows, and whole calls beside rembg's: a report.

    python benches/report.py [--quick] [--out FOLDER] [--only PART ...] [--save MACHINE]

All rivals that are installed take part; results are compared before anything is timed. What is compared with what takes
turns in one process, and figures are medians. The folder (`report` by default) gets report.md, which is printed too,
report.json with every figure, and the plots sizes.png and stages.png, for which matplotlib is needed. `--quick`
measures little, to see that it runs. All of it takes about five minutes, 4 GB of memory, and the model.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # torch's idle threads would take the time of whoever comes next

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import kernels
import plots
import recording
import sweep
import variants
import whole_calls
from tables import table

Rows = list[dict[str, Any]]


class Part(NamedTuple):
    title: str
    measure: Callable[..., Rows]
    about: Callable[[Rows], str]
    tables: Callable[[Rows], dict[str, Rows]]


PARTS = {
    "kernels": Part("The kernels beside their rivals", kernels.measure, kernels.about, kernels.tables),
    "variants": Part("Samples, channels and layouts", variants.measure, variants.about, variants.tables),
    "sweep": Part("From the smallest picture to the largest", sweep.measure, sweep.about, sweep.tables),
    "first calls": Part("The first picture of a size", sweep.first_calls, sweep.about_first, sweep.tables_of_first),
    "whole calls": Part("Whole calls beside rembg", whole_calls.measure, whole_calls.about, whole_calls.tables),
}


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("report"), metavar="FOLDER")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {}
    texts = ["# Benchmarks"]
    for name in options.only:
        part, run = PARTS[name], recording.Run(name.replace(" ", "_"), quick=options.quick)
        print(f"\n# {part.title}", flush=True)
        rows = part.measure(quick=options.quick)
        report[name] = rows
        texts += [f"## {part.title}", part.about(rows)]
        print(f"\n{texts[-1]}")
        for title, lines in part.tables(rows).items():
            run.show(title, lines)
            texts += [f"### {title}", table(lines)]
        run.save(options.save)
        texts.append(recording.caption(run.document()))
    report["facts"] = {"machine": recording.machine(), "software": recording.software()}
    (options.out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    try:
        drawn = plots.draw(report, options.out)
    except ImportError:
        print("\nNo plots: matplotlib is not installed.")
        drawn = []
    texts += [f"![{path.stem}]({path.name})" for path in drawn]
    (options.out / "report.md").write_text("\n\n".join(texts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
