#!/usr/bin/env bash
# Builds the image, starts docker-compose.yml on free ports with docker or podman, sends the demo's requests from outside,
# checks how it runs and ends, and stops it.
set -euo pipefail
cd "$(dirname "$0")/.."

if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
  engine=docker compose=(docker compose)
elif docker info >/dev/null 2>&1 && command -v docker-compose >/dev/null; then
  engine=docker compose=(docker-compose)
elif podman info >/dev/null 2>&1 && command -v podman-compose >/dev/null; then
  engine=podman compose=(podman-compose)
else
  echo "found neither docker with compose nor podman with podman-compose" >&2
  exit 1
fi
# A separate project name, so that a demo that is already running is not touched.
compose+=(-p "sealgate-test-$$")

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
GATEWAY_PORT=$(free_port) PROVIDER_PORT=$(free_port)
export GATEWAY_PORT PROVIDER_PORT
log=$(mktemp)
gateway=http://localhost:$GATEWAY_PORT provider=http://localhost:$PROVIDER_PORT

finish() {
  local code=$?
  if [ "$code" != 0 ]; then
    tail -n 100 "$log" >&2
    "${compose[@]}" logs 2>&1 | tail -n 100 >&2 || true
  fi
  "${compose[@]}" down >/dev/null 2>&1 || true
  rm -f "$log"
  exit "$code"
}
trap finish EXIT

echo "building and starting with ${compose[*]}"
"${compose[@]}" up -d --build >"$log" 2>&1

echo "waiting for $gateway"
for _ in $(seq 120); do
  node -e "fetch('$gateway/status').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))" && break
  sleep 0.5
done

echo
node --import tsx demo/demo.ts --once --gateway "$gateway" --provider "$provider"
echo

container_of() { "$engine" ps -a --format '{{.Names}}' | grep "sealgate-test-$$.$1"; }
fail() { echo "$*" >&2; exit 1; }

"$engine" logs "$(container_of requests)" 2>&1 | grep -q "^curl -i $gateway/orders -H" || fail 'no requests were printed'
container=$(container_of gateway)
[ "$("$engine" exec "$container" id -u)" != 0 ] || fail 'the gateway runs as root'
"$engine" exec "$container" node -e "fetch('http://127.0.0.1:9090/ready').then((r) => process.exit(r.ok ? 0 : 1))" ||
  fail 'the gateway is not ready'
"$engine" exec "$container" sealgate --version >/dev/null || fail 'sealgate is not on the path'
! "$engine" exec "$container" test -e node_modules || fail 'the image has packages beside the bundle'
"$engine" exec "$container" grep -q '"pkg:npm/jose@' dist/sbom.cdx.json || fail 'the image has no SBOM'
"$engine" stop -t 25 "$container" >/dev/null
code=$("$engine" inspect -f '{{.State.ExitCode}}' "$container")
[ "$code" = 0 ] || fail "SIGTERM ended the gateway with exit code $code"
size=$("$engine" image inspect -f '{{.Size}}' sealgate)
base=$("$engine" image inspect -f '{{.Size}}' node:24-bookworm-slim)
echo "The gateway runs as an ordinary user, is ready, and ends cleanly on SIGTERM."
echo "Its image adds $(((size - base) / 1000000)) MB to node:24-bookworm-slim."
