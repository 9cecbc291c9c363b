# Two stages: the first installs what the lock names, by hash; the second holds only the result.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
RUN python -m venv /opt/countersign
COPY requirements.txt ./
RUN /opt/countersign/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
COPY commands ./commands
COPY templates ./templates
RUN /opt/countersign/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="Countersign" \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, so that an orchestrator can see without a passwd file that it is not root.
RUN install -d -o 10001 -g 10001 -m 0750 /data
COPY --from=build /opt/countersign /opt/countersign
ENV PATH=/opt/countersign/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    COUNTERSIGN_HOST=0.0.0.0 \
    COUNTERSIGN_PORT=3000 \
    COUNTERSIGN_CONFIG=/etc/countersign/countersign.yml \
    COUNTERSIGN_DATABASE_URL=sqlite+aiosqlite:////data/countersign.db
WORKDIR /data
USER 10001:10001
VOLUME ["/data"]
EXPOSE 3000
# http.client, because urllib would send this through a proxy that the environment may name.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['COUNTERSIGN_PORT']), timeout=2); c.request('GET', '/ready'); sys.exit(c.getresponse().status != 200)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["countersign"]
CMD ["serve"]
