#!/usr/bin/env bash
# Runs the conformance kit against a server of its own on a free port, with data in a temporary folder.
# TURNGRAPH_CONFORMANCE names the kit's folder (it may be read-only); where there is none, nothing is run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kit=${TURNGRAPH_CONFORMANCE:-../shared/conformance}
if [[ ! -f $kit/run.py ]]; then
  echo "Conformance: skipped, no kit at $kit (TURNGRAPH_CONFORMANCE names another folder)."
  exit 0
fi

python=.venv/bin/python
work=$(mktemp -d)
chmod 755 "$work" # as root, the embedded PostgreSQL runs as another user, who must reach its data
log=$work/server.log
server=

stop_server() {
  local status=$?
  trap - EXIT
  if [[ -n $server ]] && kill -0 "$server" 2>/dev/null; then
    kill -TERM "$server"
    for _ in {1..150}; do # 30 s, as a service manager would allow
      kill -0 "$server" 2>/dev/null || break
      sleep 0.2
    done
    if kill -0 "$server" 2>/dev/null; then
      echo "Conformance: the server did not stop within 30 s of SIGTERM; killed." >&2
      kill -KILL "$server"
      status=1
    fi
  fi
  if ((status != 0)) && [[ -s $log ]]; then
    echo "--- last lines of the server's log ---" >&2
    tail -n 60 "$log" >&2
  fi
  rm -rf "$work"
  exit "$status"
}
trap stop_server EXIT
trap 'exit 130' INT TERM

port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port

# The server under test is the one with its defaults: what this shell has set for another server is left out.
while IFS= read -r name; do
  [[ $name == TURNGRAPH_CONFORMANCE ]] || unset "$name"
done < <(compgen -e TURNGRAPH_ || true)

.venv/bin/turngraph serve --port "$port" --data-dir "$work/data" >"$log" 2>&1 </dev/null &
server=$!

ready() {
  "$python" - "$url/readyz" <<'PYTHON'
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    opener.open(sys.argv[1], timeout=5).read()
except OSError:
    sys.exit(1)
PYTHON
}
deadline=$((SECONDS + 90))
until ready; do
  kill -0 "$server" 2>/dev/null || { echo "Conformance: the server ended before it was ready." >&2; exit 1; }
  ((SECONDS < deadline)) || { echo "Conformance: the server was not ready after 90 s." >&2; exit 1; }
  sleep 0.3
done
echo "Conformance: the server answers at $url; the kit is $kit"

# All runs are made even when the first fails: one report shows all.
failed=0
export PYTHONDONTWRITEBYTECODE=1 NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
"$python" "$kit/run.py" --base-url "$url" --cases "$kit/cases" </dev/null || failed=1
"$python" "$kit/run.py" --base-url "$url" --captures "$kit/captures" --weave-level </dev/null || failed=1
"$python" "$kit/run.py" --base-url "$url" --captures "$kit/captures" --graphql </dev/null || failed=1
exit "$failed"
