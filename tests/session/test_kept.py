"""What is kept for the next caller: made once, by key, without waiting for others."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from rmbg_fast._kept import Kept
from support.parallel import in_threads


def test_made_once_however_many_ask_at_once() -> None:
    kept: Kept[object] = Kept(2)
    made: list[object] = []

    def make() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    found = in_threads(8, lambda _: kept.get("a", make))
    assert len(made) == 1
    assert set(map(id, found)) == {id(made[0])}


def test_what_is_there_does_not_wait_for_what_is_being_made() -> None:
    kept: Kept[str] = Kept(2)
    kept.get("ready", lambda: "ready")
    begun, end = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert end.wait(30)
        return "slow"

    thread = threading.Thread(target=kept.get, args=("slow", slow))
    thread.start()
    assert begun.wait(30)
    assert kept.get("ready", lambda: "made again") == "ready"
    assert kept.get("other", lambda: "other") == "other"
    end.set()
    thread.join()
    assert kept.get("slow", lambda: "made again") == "slow"


def test_those_used_last_stay() -> None:
    kept: Kept[int] = Kept(2)
    for key in (1, 2, 1, 3):
        kept.get(key, lambda key=key: key)
    assert kept.get(1, lambda: -1) == 1
    assert kept.get(3, lambda: -1) == 3
    assert kept.get(2, lambda: -1) == -1


def test_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    kept: Kept[int] = Kept(2)
    begun = threading.Barrier(3)

    def fail() -> int:
        time.sleep(0.05)
        raise ValueError("no")

    def ask(_: int) -> str:
        begun.wait(30)
        with pytest.raises(ValueError, match="no"):
            kept.get("a", fail)
        return "told"

    assert in_threads(3, ask) == ["told"] * 3
    assert kept.get("a", lambda: 7) == 7


def test_interrupted_maker_is_followed_by_the_next() -> None:
    kept: Kept[int] = Kept(2)
    begun = threading.Event()

    def interrupted() -> int:
        begun.set()
        time.sleep(0.05)
        raise KeyboardInterrupt

    def ask() -> None:
        with pytest.raises(KeyboardInterrupt):
            kept.get("a", interrupted)

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(30)
    assert kept.get("a", lambda: 7) == 7
    thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_child_does_not_wait_for_a_thread_of_its_parent() -> None:
    kept: Kept[int] = Kept(2)
    begun, end = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        end.wait(30)
        return 1

    thread = threading.Thread(target=kept.get, args=("a", slow))
    thread.start()
    assert begun.wait(30)
    child = os.fork()
    if child == 0:
        os._exit(kept.get("a", lambda: 42))
    for _ in range(300):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        time.sleep(0.1)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child waits")
    assert os.waitstatus_to_exitcode(status) == 42
    end.set()
    thread.join()
