"""Which format a result has: what the query says, or else what `Accept` likes best."""

from __future__ import annotations

from collections.abc import Mapping

from .problems import Problem

MEDIA_TYPES = {
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "jpeg": "image/jpeg",
    "npy": "application/x-npy",
    "rgba": "application/octet-stream",
    "mask-png": "image/png",
}


def chosen(accept: str | None, formats: Mapping[str, str]) -> str:
    """The format that `accept` likes best, of `formats`, names and media types in the order of our own preference.

    Raises Problem, 406, where it likes none (RFC 9110, 12.5.1).
    """
    if not accept or not accept.strip():
        return next(iter(formats))
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    best, most = "", 0.0
    for name, media_type in formats.items():
        quality = _quality(media_type, ranges)
        if quality > most:
            best, most = name, quality
    if not best:
        raise Problem(406, f"Accept takes none of {', '.join(dict.fromkeys(formats.values()))}")
    return best


def _range(part: str) -> tuple[str, float]:
    kind, *options = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for option in options:
        name, _, value = option.partition("=")
        if name.strip() == "q":
            try:
                quality = min(1.0, max(0.0, float(value)))
            except ValueError:
                quality = 0.0
    return kind, quality


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """Of the range that says most about it."""
    wanted = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    for kind in wanted:
        for name, quality in ranges:
            if name == kind:
                return quality
    return 0.0
