# For those who have a container engine; script/image makes the same image without one.
FROM debian:12 AS build
WORKDIR /src
COPY . .
RUN ./script/bootstrap build && ./script/build

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libcpprest2.10 libcurl4 libsimdjson14 \
      libyaml-cpp0.7 libprometheus-cpp-core1.0 libspdlog1.10 libfmt9 libre2-9 libssl3 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/release/sluice /usr/bin/sluice
USER 999:999
ENTRYPOINT ["/usr/bin/sluice"]
