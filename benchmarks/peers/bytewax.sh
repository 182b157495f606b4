#!/usr/bin/env bash
# bytewax. `build` makes a virtual environment; `run` does one query, told by environment variables
# (QUERY, BROKERS, INPUT, OUTPUT, RUN, STATE_DIRECTORY, COMMIT_MS). Exit code 3: cannot be used here,
# the reason is printed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$here/../../.cache/peers/venv-bytewax
command -v python3 >/dev/null || { echo "NOT_AVAILABLE no python3 on the path"; exit 3; }
case ${1:-} in
  build)
    # Made whole or not at all: an interrupted install leaves no mark.
    cmp -s "$here/bytewax/requirements.txt" "$venv/installed.txt" && exit
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
      -r "$here/bytewax/requirements.txt"
    cp "$here/bytewax/requirements.txt" "$venv/installed.txt"
    ;;
  run)
    cd "$here/bytewax"
    "$venv/bin/python" -m bytewax.recovery "$STATE_DIRECTORY" 1
    # An epoch, and with it a snapshot, a second; no snapshot is kept for longer than needed.
    exec "$venv/bin/python" -m bytewax.run flow:flow \
      -r "$STATE_DIRECTORY" -s "$((COMMIT_MS / 1000))" -b 0
    ;;
  *) sed -n '2,4p' "$0"; exit 2 ;;
esac
