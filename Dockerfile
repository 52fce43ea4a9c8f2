# For those who have a container engine; script/image makes the same image without one, and a test keeps the two alike.
#   docker build -t sluice:v0.1.0 .
# Debian by tag, so that a build has its security updates; by digest where builds must repeat (docs/security.md).
ARG BASE=debian:12
ARG RUNTIME=debian:12-slim
FROM $BASE AS build
WORKDIR /src
COPY . .
RUN ./script/bootstrap build && ./script/build && strip -o /sluice build/sluice

FROM $RUNTIME
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata libcpprest2.10 libcurl4 libfmt9 \
      libprometheus-cpp-core1.0 libre2-9 libsimdjson14 libspdlog1.10 libssl3 libyaml-cpp0.7 libzstd1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd -g 999 sluice && useradd -u 999 -g 999 -M -d / -s /usr/sbin/nologin sluice
COPY --from=build /sluice /usr/bin/sluice
USER 999:999
ENTRYPOINT ["/usr/bin/sluice"]
