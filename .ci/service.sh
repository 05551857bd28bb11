# Sourced by the scripts that need the service running: `npm start` in a folder of its own, so that a developer's links are
# left alone. Sets `root`, `work`, `log`, `api` and `key`; all of it ends with the script.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
log="$work/start.log"
service=
cleanup() {
  if [ -n "$service" ] && kill "$service" 2>/dev/null; then wait "$service" || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# Does not wait: what the caller has to prepare can be done meanwhile.
start_service() {
  api="http://127.0.0.1:$(free_port)"
  key="ci-$(node -p 'require("crypto").randomUUID()')"
  mkdir "$work/service"
  : >"$log"
  (
    cd "$work/service"
    PORT=${api##*:} CODEC_PORT=0 API_KEYS="ci:$key" LOG_LEVEL=warn \
      exec "$root/node_modules/.bin/tsx" "$root/src/commands/start.ts" >"$log" 2>&1
  ) &
  service=$!
}

# Until everything is there, with the addresses of all parts in the log.
await_service() {
  until grep -q '^Try it:' "$log"; do
    if ! kill -0 "$service" 2>/dev/null || [ "$SECONDS" -gt 900 ]; then
      cat "$log" >&2
      exit 1
    fi
    sleep 1
  done
}
