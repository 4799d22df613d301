"""What a misspelt name may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a message: the names that are close, or all there are."""
    import difflib

    known = list(known)
    close = [one for one in known if name and name in one] or difflib.get_close_matches(name, known)
    return f"; did you mean {' or '.join(close)}?" if close else f"; there are {', '.join(sorted(known))}"
