"""The line below a table that says on what it was measured, and how far it is to be trusted."""

from __future__ import annotations

from typing import Any

QUIET = 0.1
"""Cores that other programs may take without being mentioned."""


def caption(document: dict[str, Any]) -> str:
    """Of one result, as `recording.Run.document` makes it."""
    machine, software, others = document["machine"], document["software"], document["load"]["other programs, cores"]
    caches = "".join(f", {name} {size}" for name, size in machine["caches"].items())
    hidden = f" whose {machine['hidden']} is hidden from all programs" if "hidden" in machine else ""
    packages = ", ".join(f"{name} {version}" for name, version in software["packages"].items())
    words = [
        f"{machine['cpu']}{hidden}, {machine['cores']} cores{caches}; kernels {software['tier']}, network "
        f"{software['network tier']}; {packages}; {document['date']}"
    ]
    if others is None:
        words.append("how busy the machine was is not known: trust the ratios more than the milliseconds")
    elif others > QUIET:
        words.append(f"other programs took {others:.1f} cores meanwhile: trust the ratios more than the milliseconds")
    if document["quick"]:
        words.append("a trial run that measures little")
    return "; ".join(words) + "."
