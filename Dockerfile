# wamon and its page, without a bridge: `docker build --tag wamon .`. compose.yaml runs it; docs/operation.md says how.

FROM python:3.13-slim-bookworm AS build
RUN python -m venv /opt/wamon
WORKDIR /src
COPY requirements-web.txt ./
RUN /opt/wamon/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-web.txt
COPY . .
RUN /opt/wamon/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim-bookworm
# The account that may read the bridge's folder and not write it; `--build-arg UID=…` where only one may.
ARG UID=1000
RUN useradd --uid "$UID" --no-create-home --home-dir /var/lib/wamon --shell /usr/sbin/nologin wamon \
    && install --directory --owner=wamon --group=wamon --mode=0700 /var/lib/wamon
COPY --from=build /opt/wamon /opt/wamon
ENV PATH=/opt/wamon/bin:$PATH \
    WAMON_STATE_DIR=/var/lib/wamon
USER $UID
WORKDIR /var/lib/wamon
# State, and the embedded PostgreSQL where no other is named. The config is /etc/wamon/wamon.yaml.
VOLUME /var/lib/wamon
STOPSIGNAL SIGTERM
# Unhealthy is what `wamon doctor` calls bad; what it said stands in `docker inspect`.
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s CMD ["wamon", "doctor"]
ENTRYPOINT ["wamon"]
CMD ["run", "--standby"]
