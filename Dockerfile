# The gateway: `docker build -t sealgate .`
# Its file is /etc/sealgate/gateway.yaml (or wherever SEALGATE_CONFIG points): mount yours over it.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run --silent build

# The provider and the backend of the demo, for docker-compose.yml.
FROM build AS demo
USER node
ENTRYPOINT ["node", "--import", "tsx"]

FROM node:24-bookworm-slim
ENV NODE_ENV=production SEALGATE_CONFIG=/etc/sealgate/gateway.yaml
WORKDIR /app
# It includes the dependencies; scanners find them in its sbom.cdx.json.
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY config /etc/sealgate
# So that the runbook's commands work inside: `kubectl exec … -- sealgate check`.
RUN chmod a+x dist/main.js && ln -s /app/dist/main.js /usr/local/bin/sealgate
USER node
EXPOSE 8080 9090
# The admin listener inside the container, regardless of the published port. There is no curl in the image.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9090/live').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Exec form: node is the first process, so it gets SIGTERM and drains.
ENTRYPOINT ["node", "dist/main.js"]
CMD ["start", "--host", "0.0.0.0", "--admin-host", "0.0.0.0"]
