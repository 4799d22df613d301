"""One process, and one thread of it, makes a file; the others wait."""

from __future__ import annotations

import threading
from pathlib import Path

from rmbg_fast._storage import locks
from support.parallel import in_threads


def test_lock_lets_one_in_and_leaves_no_file(tmp_path: Path):
    inside, most, done = 0, 0, 0
    guard = threading.Lock()

    def work(_: int) -> None:
        nonlocal inside, most, done
        for _ in range(20):
            with locks.locked(tmp_path / "target"):
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1
                    done += 1

    in_threads(4, work)
    assert (done, most) == (80, 1)
    assert list(tmp_path.iterdir()) == []
