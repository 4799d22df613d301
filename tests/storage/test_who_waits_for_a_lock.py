"""Two writers of one file are kept apart, on Windows too, and nobody waits for what will not come."""

from __future__ import annotations

import errno
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from rmbg_fast._storage import locks


def test_held_lock_is_refused_to_whoever_does_not_wait(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with locks.locked(target):
        with pytest.raises(BlockingIOError), locks.locked(target, wait=False):
            pass
        assert [file.name for file in tmp_path.iterdir()] == ["target.lock"], "it is its holder's still"
    assert list(tmp_path.iterdir()) == []
    with locks.locked(target, wait=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_waits_for_the_holder(tmp_path: Path) -> None:
    order: list[str] = []
    held = threading.Event()

    def second() -> None:
        assert held.wait(30)
        with locks.locked(tmp_path / "target"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with locks.locked(tmp_path / "target"):
        held.set()
        thread.join(0.2)
        assert thread.is_alive()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


@pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_file_systems_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    import fcntl

    def refused(handle: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    entered = []
    with suppress(OSError), locks.locked(tmp_path / "target"):
        entered.append(number)
    assert bool(entered) is (number != errno.EIO)


class Windows:
    """Answers as msvcrt.locking does: with these error numbers one after the other, and then with success."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked = 0

    def locking(self, handle: int, mode: int, count: int) -> None:
        self.asked += 1
        assert (mode, count) == (2, 1)
        if self.answers:
            raise OSError(self.answers.pop(0), "as Windows says it")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    def use(*answers: int) -> Windows:
        stand_in = Windows(*answers)
        module = SimpleNamespace(locking=stand_in.locking, LK_NBLCK=2)
        monkeypatch.setitem(sys.modules, "msvcrt", module)
        return stand_in

    monkeypatch.setattr(locks, "_WINDOWS", True)
    monkeypatch.setattr(locks, "_PAUSE_SECONDS", 0.0)
    return SimpleNamespace(answers=use)


def test_windows_waits_while_another_holds_it(tmp_path: Path, windows: SimpleNamespace) -> None:
    stand_in = windows.answers(errno.EACCES, errno.EDEADLK, errno.EACCES)
    with locks.locked(tmp_path / "target"):
        assert stand_in.asked == 4
    assert list(tmp_path.iterdir()) == []


def test_windows_does_not_wait_if_it_is_not_to(tmp_path: Path, windows: SimpleNamespace) -> None:
    windows.answers(errno.EACCES)
    with pytest.raises(BlockingIOError), locks.locked(tmp_path / "target", wait=False):
        pass


@pytest.mark.parametrize("number", [errno.EBADF, errno.EINVAL, errno.EIO, errno.ENOSPC])
def test_windows_does_not_wait_for_other_errors_to_go(tmp_path: Path, windows: SimpleNamespace, number: int) -> None:
    stand_in = windows.answers(*[number] * 3)
    with pytest.raises(OSError, match="as Windows says it") as raised, locks.locked(tmp_path / "target"):
        pass
    assert raised.value.errno == number
    assert stand_in.asked == 1


def test_windows_may_still_be_removing_the_last_lock(
    tmp_path: Path, windows: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is being removed cannot be opened there; a folder that may not be written never can."""
    windows.answers()
    real, refusals = os.open, [errno.EACCES] * 2

    def opened(*given: object) -> int:
        if refusals:
            raise PermissionError(refusals.pop(), "Permission denied")
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", opened)
    with locks.locked(tmp_path / "target"):
        pass
    refusals.extend([errno.EACCES] * 1000)
    with pytest.raises(PermissionError), locks.locked(tmp_path / "target"):
        pass
    assert len(refusals) > 900
