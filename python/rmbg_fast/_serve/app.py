"""The ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from ..errors import RmbgError
from . import health, openapi, page, problems, rembg, v1
from .observing import Observing
from .problems import Problem
from .service import Service

ROUTES = [*v1.ROUTES, *health.ROUTES, *openapi.ROUTES, *page.ROUTES, *rembg.ROUTES]
_HANDLED = (Problem, RmbgError, HTTPException, Exception)


def application(service: Service) -> ASGIApp:
    """Of a service, which is loaded elsewhere."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(_look(service))
        yield
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    app = Starlette(routes=ROUTES, exception_handlers=dict.fromkeys(_HANDLED, problems.answer), lifespan=lifespan)
    app.state.service = service
    return Observing(app, service, frozenset(route.path for route in ROUTES))


async def _look(service: Service) -> None:
    """Keeps the gauges fresh, which another process may be asked for."""
    while True:
        service.look()
        await asyncio.sleep(1)
