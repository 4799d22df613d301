"""A kernel and its reference are called alike: one can be put in the place of the other."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from rmbg_fast import ops, reference


def parameters(function: Any) -> list[tuple[str, str, Any]]:
    """Name, kind and default of each."""
    return [(one.name, one.kind.description, one.default) for one in inspect.signature(function).parameters.values()]


def test_each_kernel_has_a_reference() -> None:
    kernels = {
        name
        for name, function in vars(ops).items()
        if inspect.isfunction(function) and function.__module__ == ops.__name__ and not name.startswith("_")
    }
    assert kernels == set(reference.__all__)


@pytest.mark.parametrize("name", reference.__all__)
def test_a_reference_is_called_as_its_kernel(name: str) -> None:
    assert parameters(getattr(reference, name)) == parameters(getattr(ops, name))
