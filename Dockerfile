FROM node:24.19.0-bookworm-slim AS base

FROM base AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages packages
# The client package is built below, once its sources are there.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY workflows workflows
COPY activities activities
RUN npm run build && npm prune --omit=dev
# What only bundles or compiles workflows, which the build has done, and the SDK's binaries for other machines. The SDK loads
# its bundler whether it is used or not, so that an empty module stands in for webpack.
RUN rm -rf node_modules/@swc node_modules/swc-loader node_modules/source-map-loader node_modules/terser \
    node_modules/terser-webpack-plugin node_modules/webpack \
    && mkdir node_modules/webpack \
    && echo 'module.exports = {};' >node_modules/webpack/index.js \
    && node -e "require('@temporalio/worker')" \
    && cd node_modules/@temporalio/core-bridge/releases \
    && ls | grep -v "^$(uname -m)-unknown-linux-gnu\$" | xargs rm -rf

FROM base
# The Temporal SDK verifies TLS with the system's certificates, and the slim image has none.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 WORKER_PORT=3001 CODEC_PORT=3002
# The image's user `node`, by number, so that a platform can see that it is not root.
USER 1000:1000
EXPOSE 3000 3001 3002
# One process a container: whichever of the three it is answers on its own port.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["node", "-e", "const { PORT, WORKER_PORT, CODEC_PORT } = process.env; const alive = async (port) => { if (!(await fetch(`http://127.0.0.1:${port}/livez`)).ok) throw 1; }; Promise.any([PORT, WORKER_PORT, CODEC_PORT].map(alive)).then(() => process.exit(0), () => process.exit(1));"]
# The API. The others: dist/src/commands/worker.js and dist/src/commands/codec.js.
CMD ["node", "--enable-source-maps", "dist/src/commands/api.js"]
