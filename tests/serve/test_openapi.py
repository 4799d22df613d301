"""The OpenAPI document holds for what the service does, and it names all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmbg_fast._serve import accepting, app, openapi, parameters
from support import flow_models
from support.service import Served

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

for kind in ("image/*", "application/octet-stream"):
    # Half of what is sent are pictures: the rest shows how what is none is refused.
    schemathesis.openapi.media_type(kind, st.sampled_from([flow_models.png(seed) for seed in range(3)]) | st.binary())


PATHS = openapi.document()["paths"]
OPERATIONS = [(path, method, mode) for path in PATHS for method in PATHS[path] for mode in schemathesis.GenerationMode]


@pytest.fixture(scope="module")
def schema(here: Served) -> Any:
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{here.port}/openapi.json")


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [pytest.param(*row, id=" ".join(map(str, row))) for row in OPERATIONS if row[1] == "post" or row[2].is_positive],
)
def test_the_service_does_what_the_document_says(schema: Any, path: str, method: str, mode: Any) -> None:
    statuses = set()

    @given(case=schema[path][method.upper()].as_strategy(generation_mode=mode))
    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case: Any) -> None:
        # A body of the right type that holds no picture is refused, which no document can say.
        unsaid = [schemathesis.checks.positive_data_acceptance]
        statuses.add(case.call_and_validate(excluded_checks=unsaid, timeout=30).status_code)

    check()
    if (path, method) == ("/api/remove", "get"):
        assert statuses == {410}  # it fetches nothing
    elif mode.is_positive:
        assert 200 in statuses
    else:  # rembg's endpoint passes over what it does not know, as rembg does
        assert path == "/api/remove" or 200 not in statuses
    assert method == "get" or statuses & {400, 422}


def test_every_route_is_described(here: Served) -> None:
    document = json.loads(here.ask("/openapi.json").body)
    described = {(path, method.upper()) for path, operations in document["paths"].items() for method in operations}
    served = {(route.path, method) for route in app.ROUTES for method in route.methods or () if method != "HEAD"}
    beside = {("/openapi.json", "GET"), ("/", "GET"), ("/page/{name}", "GET")}
    assert served - described <= beside
    assert described <= served


def test_every_format_has_a_media_type() -> None:
    assert {*parameters.FORMATS, *parameters.MASKS} == accepting.MEDIA_TYPES.keys()
