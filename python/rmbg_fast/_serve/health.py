"""The routes that an orchestrator asks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from . import metrics
from .service import Service


async def livez(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    service: Service = request.app.state.service
    service.session()
    return PlainTextResponse("ok\n")


async def measured(request: Request) -> Response:
    service: Service = request.app.state.service
    service.look()
    return Response(service.metrics.text(), media_type=metrics.CONTENT_TYPE)


ROUTES = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", measured)]
