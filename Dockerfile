# Rampart as one binary that holds the site: built with Rust and Node, run by a user without rights on a system that it
# cannot write to. Settings come by environment (docs/settings.md), secrets by files (`<NAME>_FILE`).

FROM node:20-bookworm-slim AS node

FROM rust:1.95-bookworm AS build
COPY --from=node /usr/local/ /usr/local/
WORKDIR /src
COPY rust-toolchain.toml ./
RUN rustup target add wasm32-unknown-unknown
COPY package.json package-lock.json ./
COPY e2e/package.json e2e/package.json
COPY scripts/prepare-npm.sh scripts/prepare-npm.sh
RUN scripts/prepare-npm.sh
COPY . .
ENV SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo xtask site \
    && cargo build --locked --release --package server \
    && install -D --mode 0755 target/release/rampart /out/rampart

FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin rampart \
    && install -d --owner rampart --mode 0700 /keys
COPY --from=build /out/rampart /usr/local/bin/rampart
COPY LICENSE THIRD-PARTY-LICENCES.md /usr/share/doc/rampart/
USER 10001
WORKDIR /
ENV RAMPART_ADDR=0.0.0.0:3000
EXPOSE 3000
# asks the portal in this container whether it can serve
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["rampart", "ready"]
ENTRYPOINT ["rampart"]
CMD ["serve"]
