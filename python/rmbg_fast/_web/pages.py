"""The HTML of both pages, that of the browser and that of the service, out of their own and what they share."""

from __future__ import annotations

import re
from pathlib import Path

SHARED = Path(__file__).with_name("shared")
"""Style, scripts, and parts of the HTML, which are files NAME.part.html."""


def assembled(page: Path) -> bytes:
    """The page with its lines `<!-- part: NAME -->` replaced by those parts."""

    def part(line: re.Match[str]) -> str:
        return (SHARED / f"{line[1]}.part.html").read_text("utf-8")

    return re.sub(r"^<!-- part: (\w+) -->\n", part, page.read_text("utf-8"), flags=re.MULTILINE).encode("utf-8")
