# syntax=docker/dockerfile:1
# rmbg-fast in a container: small, not root, with a model inside. It needs no network and no writable file to run.
#   docker build -t rmbg-fast .
#   docker build -t rmbg-fast:lite --build-arg MODEL=birefnet-general-lite .
#   docker run --rm -i --read-only --network none rmbg-fast remove - <photo.jpg >cut-out.png
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
# hadolint ignore=DL3008 # Debian keeps no older versions to pin to
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels '.[cpu]'

FROM python:${PYTHON}-slim
ARG MODEL=isnet-general-use
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 RMBG_FAST_HOME=/opt/rmbg-fast
# hadolint ignore=DL3013 # the wheels of the stage before are the versions
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-compile --no-index --find-links /wheels 'rmbg-fast[cpu]'
# The first load prepares the graph for the CPU: done here, every container starts in milliseconds and shares the file.
RUN rmbg-fast models pull "$MODEL" && \
    python -c "import sys, rmbg_fast; rmbg_fast.Session(sys.argv[1], device='cpu')" "$MODEL" && \
    chmod -R a+rX "$RMBG_FAST_HOME"
ENV RMBG_FAST_OFFLINE=1
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["rmbg-fast"]
CMD ["--help"]
