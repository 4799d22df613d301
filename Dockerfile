# syntax=docker/dockerfile:1
# rmbg-fast in a container: small, not root, with a model inside. It needs no network and no writable file to run. Without
# a command it serves HTTP at port 7000 (docs/serve.md).
#   docker build -t rmbg-fast .
#   docker build -t rmbg-fast:lite --build-arg MODEL=birefnet-general-lite .
#   docker run --rm --read-only -p 7000:7000 rmbg-fast
#   docker run --rm -i --read-only --network none rmbg-fast remove - <photo.jpg >cut-out.png
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
# hadolint ignore=DL3008 # Debian keeps no older versions to pin to
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels '.[cpu,serve]'

FROM python:${PYTHON}-slim
ARG MODEL=isnet-general-use
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 RMBG_FAST_HOME=/opt/rmbg-fast
# With bytecode, which no container could keep: without it each start would compile all modules anew.
# hadolint ignore=DL3013 # the wheels of the stage before are the versions
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels 'rmbg-fast[cpu,serve]'
# The first load prepares the graph for the CPU: done here, every container starts in milliseconds and shares the file.
RUN rmbg-fast models pull "$MODEL" && \
    python -c "import sys, rmbg_fast; rmbg_fast.Session(sys.argv[1], device='cpu')" "$MODEL" && \
    chmod -R a+rX "$RMBG_FAST_HOME"
ENV RMBG_FAST_OFFLINE=1 RMBG_FAST_SERVE_HOST=0.0.0.0 RMBG_FAST_SERVE_MODEL=$MODEL
USER 10001:10001
WORKDIR /work
EXPOSE 7000
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["rmbg-fast", "serve", "--check"]
ENTRYPOINT ["rmbg-fast"]
CMD ["serve"]
