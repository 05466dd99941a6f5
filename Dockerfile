# Worker, HTTP API and command line (python -m cli): one image, three commands. Its Python is that of requirements/runtime.txt.
FROM python:3.11.14-slim-bookworm AS build
COPY requirements/runtime.txt /tmp/runtime.txt
# Wheels only: nothing of a dependency runs while the image is built, and no compiler is needed.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: --require-hashes --no-deps \
        -r /tmp/runtime.txt

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /app --shell /usr/sbin/nologin failover
ENV PATH=/opt/venv/bin:$PATH HOME=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY worker.py ./
COPY activities/ activities/
COPY api/ api/
COPY cli/ cli/
COPY client/ client/
COPY cloudstack/ cloudstack/
COPY conversion/ conversion/
COPY database/ database/
COPY deploy/ deploy/
COPY replication/ replication/
COPY rules/ rules/
COPY settings/ settings/
COPY vma/ vma/
COPY volume_daemon/ volume_daemon/
COPY workflows/ workflows/
RUN python -m compileall -q /app
USER 10001:10001
EXPOSE 8082
CMD ["python", "worker.py"]
