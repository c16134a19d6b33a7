# One image for web, worker, beat and the one-off commands. Build it from a checkout: docker build -t registry-portal .
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# requirements-observability.lock: with the packages for error reports and traces.
ARG LOCK=requirements.lock
WORKDIR /srv/portal
# What changes seldom comes first: the locked dependencies, checked by their hashes.
COPY requirements*.lock ./
RUN python3 -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r "$LOCK" \
 && .venv/bin/pip uninstall --quiet --yes setuptools pip
RUN command -v msgfmt >/dev/null \
 || { apt-get update -q && apt-get install -y -q --no-install-recommends gettext && rm -rf /var/lib/apt/lists/*; }
COPY . .
# Translations, static files and bytecode are made here, since the container's file system is read-only later.
RUN find locale -name '*.po' -exec sh -c 'msgfmt -o "${1%.po}.mo" "$1"' sh {} \; \
 && PORTAL_DATA_DIR=/tmp/build STATIC_ROOT=/srv/static .venv/bin/python manage.py collectstatic --noinput -v0 \
 && rm -rf /tmp/build \
 && .venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash .

FROM ${BASE}
LABEL org.opencontainers.image.title="Registry Portal" \
      org.opencontainers.image.description="Import container images by reference into a team's private registry"
# Volumes take the owner of the directory that they are first mounted on: so no container needs root.
RUN groupadd --gid 10001 portal \
 && useradd --uid 10001 --gid portal --no-create-home --home-dir /tmp portal \
 && install -d -o portal -g portal -m 0750 /var/lib/portal /config /config-database /config-redis /config-registry \
    /config-front \
    /var/lib/registry
COPY --from=build /srv /srv
WORKDIR /srv/portal
ENV PATH=/srv/portal/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PORTAL_DATA_DIR=/var/lib/portal \
    PORTAL_DOTENV= \
    STATIC_ROOT=/srv/static \
    HOST=0.0.0.0 \
    PORT=8000
USER portal
EXPOSE 8000
CMD ["gunicorn", "registry_portal.wsgi"]
