"""Where a run of the network goes: for each step its time, the work in it, and how near that comes to the machine.

    python benches/network_parts.py [isnet-general-use] [--tier TIER] [--threads N] [--rounds N] [--least MILLISECONDS]

A row a Winograd step, each its fastest run: how its tiles are cut (groups of 12 tiles, blocks of outputs, blocks of
inputs at a time, s: shared weights); milliseconds, and those inside of kernels; GFLOP/s of those and of the
multiplication alone; the share of multiplication, of inputs, weights and outputs transformed, of upsampled patches and
of pools in them; megabytes that are read and written at least. Then the same by kind. Where other programs are busy,
the milliseconds of a step hold their turns too, those of the kernels hardly: calls that were interrupted are left out.
"""

from __future__ import annotations

import argparse
from typing import Any

from inference import bare_network
from tables import table

from rmbg_fast import _core, models

PARTS = ["multiply", "inputs", "weights", "outputs", "sample", "pool"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("model", nargs="?", default="isnet-general-use")
    options.add_argument("--tier", default=_core.network_tier())
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--least", type=float, default=5.0, help="steps below it are only summed up")
    asked = options.parse_args()
    steps = fastest(asked.model, asked.tier, asked.threads, asked.rounds)
    rows = [row for step in steps if step["milliseconds"] >= asked.least and (row := described(step, asked.threads))]
    print(table(sorted(rows, key=lambda row: -float(row["ms"]))))
    kinds: dict[str, list[dict[str, Any]]] = {}
    for step in steps:
        size = step["height"] if "winograd" in step["algorithm"] else ""
        kinds.setdefault(f"{step['algorithm']} {size}".strip(), []).append(step)
    kinds["all"] = steps
    print()
    print(table([{"kind": kind, **summed(group, asked.threads)} for kind, group in kinds.items() if kind != "none"]))


def fastest(name: str, tier: str, threads: int, rounds: int) -> list[dict[str, Any]]:
    """The fastest run of each step."""
    bare, x = bare_network(models.get(name), tier, threads, parts=True)
    runs = [bare.profile([x]) for _ in range(rounds + 1)][1:]
    return [min(step, key=lambda one: float(one["milliseconds"])) for step in zip(*runs, strict=True)]


def described(step: dict[str, Any], threads: int) -> dict[str, Any]:
    """Nothing for a step that is not by Winograd's method."""
    if not step["operations"]:
        return {}
    inputs, outputs = step["channels"]
    groups, out_blocks, in_blocks, shared = step["cut"]
    layer = f"{inputs} -> {outputs}, {step['height']}, {step['algorithm'].split()[1]}"
    if step["window"][2] > 1:
        layer += f", dilation {step['window'][2]}"
    cut = f"{groups} x {out_blocks} x {in_blocks}{' s' if shared else ''}"
    return {"layer": layer, "cut": cut, **summed([step], threads), "MB": megabytes(step)}


def megabytes(step: dict[str, Any]) -> float:
    inputs, outputs = step["channels"]
    floats = (inputs + outputs) * step["height"] * step["width"] + inputs * outputs * step["window"][0] ** 2
    return float(floats * 4 / 1e6)


def summed(steps: list[dict[str, Any]], threads: int) -> dict[str, Any]:
    whole = sum(step["milliseconds"] for step in steps)
    parts = {part: sum(step["parts"][part] for step in steps) / threads for part in PARTS}
    operations = sum(step["operations"] for step in steps)
    row = {"ms": whole}
    if operations:
        inside = sum(parts.values())
        row |= {"in kernels": inside, "GFLOP/s": operations / threads / inside / 1e6}
        row["of multiplying"] = operations / threads / parts["multiply"] / 1e6
        row |= {part: taken / inside for part, taken in parts.items()}
    return row


if __name__ == "__main__":
    main()
