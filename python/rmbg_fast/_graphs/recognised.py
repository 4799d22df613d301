"""What the passes recognised in a model, counted by operator before and after (`rmbg-fast optimize`)."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from . import linear_layers, regions, window_attention
from .graph_index import attributes_of
from .passes import NOTE

if TYPE_CHECKING:
    from onnx import ModelProto

Counts = Counter[str]
"""Nodes by operator."""
_SAMPLERS = ("GatherND", "GridSample")
_NAMED = 8  # operators that are left, most frequent first


def operators(model: ModelProto) -> Counts:
    """The nodes of the main graph; those of our own domain are called "rmbg_fast.Network" and so on."""
    return Counter(
        f"{regions.DOMAIN}.{node.op_type}" if node.domain == regions.DOMAIN else node.op_type
        for node in model.graph.node
    )


def report(before: Counts, after: Counts, model: ModelProto) -> list[str]:
    """Lines for people: `before` is of the original, `after` of `model`, which all passes have made."""
    own = {name: count for name, count in after.items() if name.startswith(f"{regions.DOMAIN}.")}
    rest = Counter({name: count for name, count in after.items() if name not in own})
    lines = []
    if any(before[name] for name in (*_SAMPLERS, "DeformConv")):
        inside = sum(_attributes(model, regions.OPERATOR, "deformable"))
        found = after["DeformConv"] + inside - before["DeformConv"]
        left = ", ".join(f"{rest[name]} {name}" for name in _SAMPLERS)
        lines.append(f"deformable convolutions: {before['DeformConv']} as such, {found} recovered; left: {left}")
    if before["Softmax"]:
        lines.append(_attention(model, rest["Softmax"]))
    if before["MatMul"] or before["Gemm"]:
        lines.append(_linear_layers(model, rest))
    note = next((entry.value for entry in model.metadata_props if entry.key == NOTE), None)
    if note is not None:
        convolutions = json.loads(note)
        lines.append(
            f"convolutions: {len(convolutions['replaced'])} in built-in operators, "
            f"{len(convolutions['left'])} left to ONNX Runtime"
        )
    lines.append(f"built-in operators: {_counts(Counter(own)) or 'none'}")
    lines.append(f"left to ONNX Runtime: {sum(rest.values())} nodes" + (f": {_counts(rest)}" if rest else ""))
    return lines


def _plans(model: ModelProto, operator: str) -> list[list[int]]:
    return _attributes(model, operator, "plan")


def _attributes(model: ModelProto, operator: str, name: str) -> list[Any]:
    """Of the nodes of this operator of our own."""
    return [
        attributes_of(node)[name]
        for node in model.graph.node
        if node.domain == regions.DOMAIN and node.op_type == operator
    ]


def _linear_layers(model: ModelProto, left: Counts) -> str:
    plans = _plans(model, linear_layers.OPERATOR)
    pairs = sum(plan[2] > 0 for plan in plans)
    normed = sum(plan[4] for plan in plans)
    return (
        f"linear layers: {pairs} pairs with GELU, {len(plans) - pairs} single ({normed} with LayerNorm); "
        f"left: {left['MatMul']} MatMul, {left['Gemm']} Gemm, {left['Erf'] + left['Gelu']} GELU"
    )


def _attention(model: ModelProto, left: int) -> str:
    """The blocks of attention in windows, by the side of their windows."""
    kinds: dict[int, list[int]] = {}
    for plan in _plans(model, window_attention.OPERATOR):
        kinds.setdefault(plan[3], []).append(plan[4])
    named = [
        f"{len(shifts)} with windows of {side} x {side} ({sum(map(bool, shifts))} shifted)"
        for side, shifts in sorted(kinds.items())
    ]
    return f"attention: {', '.join(named) or 'none in windows'}; left: {left} Softmax"


def _counts(counts: Counts) -> str:
    named = [f"{count} {name}" for name, count in counts.most_common(_NAMED)]
    others = sum(counts.values()) - sum(count for _, count in counts.most_common(_NAMED))
    return ", ".join([*named, *([f"{others} others"] if others else [])])
