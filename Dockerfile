# One image: the built product, its packages, its example data. See docs/deployment.md.
#
# Three stages, so that compilers, development packages and sources stay out of what runs.

FROM node:20.20.2-bookworm-slim AS build
WORKDIR /opportune
COPY package.json package-lock.json .npmrc ./
# Nothing optional: the compiler needs none of it.
RUN npm ci --omit=optional
COPY . .
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json

FROM node:20.20.2-bookworm-slim AS packages
WORKDIR /opportune
# What the optional Kafka client is built from where its binary cannot be fetched.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates g++ make python3 \
      libssl-dev libsasl2-dev zlib1g-dev libzstd-dev liblz4-dev libcurl4-openssl-dev \
 && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:20.20.2-bookworm-slim
# Shared libraries of the Kafka client where it was built here.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
      libssl3 libsasl2-2 zlib1g libzstd1 liblz4-1 libcurl4 \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir /data && chown node:node /data
ENV NODE_ENV=production
WORKDIR /opportune
COPY package.json LICENSE ./
COPY --from=packages /opportune/node_modules ./node_modules
COPY --from=build /opportune/dist ./dist
# Files that are not code are read from where they stand in the sources.
COPY docs ./docs
COPY examples ./examples
COPY server/page ./server/page
COPY sinks/clickhouse-migrations ./sinks/clickhouse-migrations
USER node
VOLUME /data
EXPOSE 8080
# Started under an init (compose: `init: true`, docker: `--init`), which reaps what the analytics
# process leaves behind; signals reach Node directly.
ENTRYPOINT ["node", "/opportune/dist/server/src/cli.js"]
CMD ["start", "--data", "/data", "--host", "0.0.0.0", "--port", "8080"]
