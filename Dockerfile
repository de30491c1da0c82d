# Images for the service and for training: docs/deployment.md.
#   docker build --tag deepfake .                                      service and prediction
#   docker build --target training --tag deepfake-training .           the pipeline, with CUDA

FROM python:3.11-slim-bookworm AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 10001 deepfake

# What `make setup` needs: the development container.
FROM base AS tools
# Versions cannot be pinned, since Debian keeps only the newest.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl git libgl1 libglib2.0-0 make openssh-client \
    && rm -rf /var/lib/apt/lists/*
USER 10001

# The packages of requirements.lock, whose torch brings CUDA. The repository is mounted at /work.
FROM tools AS training
USER 0
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/requirements.lock
USER 10001
WORKDIR /work
CMD ["dvc", "repro"]

# ONNX Runtime instead of torch; the model is mounted at /model.
FROM base AS service
COPY requirements-serve.lock /tmp/
# Tests of packages, and the landmarks that only the pipeline needs, are 200 MB.
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/requirements-serve.lock \
    && find /usr/local/lib/python3.11/site-packages -type d -name tests -prune -exec rm -r {} + \
    && rm /usr/local/lib/python3.11/site-packages/face_recognition_models/models/*_68_*
WORKDIR /app
COPY LICENSE ./
COPY models/face_detector models/face_detector
COPY deepfake deepfake
RUN python -m compileall -q deepfake
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=8)"]
ENTRYPOINT ["python", "-m", "deepfake"]
CMD ["serve", "--address", "0.0.0.0", "--model", "/model", "--runtime", "onnx"]
