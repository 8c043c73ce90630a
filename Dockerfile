# One image for every part; docker-compose.yml says which command each runs.
FROM python:3.12-slim AS build
WORKDIR /app
RUN python -m venv /app/.venv
COPY requirements-uv.lock requirements.lock ./
RUN .venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r requirements-uv.lock \
 && .venv/bin/python -m uv pip sync --python .venv/bin/python --no-cache --compile-bytecode --require-hashes requirements.lock \
 && .venv/bin/pip uninstall --quiet --yes uv

FROM python:3.12-slim
# A volume that is mounted on /media/arena for the first time takes over its owner.
RUN useradd --system --create-home --uid 10001 arena && install -d -o arena -m 0750 /media/arena
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY manage.py pyproject.toml ./
COPY arena arena
COPY evals evals
COPY routing routing
COPY locale locale
COPY templates templates
COPY static static
COPY examples examples
ENV DEBUG=0 PYTHONUNBUFFERED=1 PATH="/app/.venv/bin:$PATH"
# Collecting static files needs no secret, but a production start refuses to be without: these live for this line alone.
RUN key() { python -c 'import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'; }; \
    SECRET_KEY=$(key) ARENA_ENCRYPTION_KEY=$(key) ARENA_SIGNING_KEY=$(key) python manage.py collectstatic --noinput
USER arena
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD python -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:8000/healthz", timeout=2)'
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--no-ws", "--workers", "2", "--blocking-threads", "8", "arena.wsgi:application"]
