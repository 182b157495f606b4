#!/usr/bin/env bash
# Opportune, from its build. `build` compiles; `run` does one query until it is killed, told by
# environment variables (opportune/main.ts). Exit code 3: cannot be used here, the reason is printed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case ${1:-} in
  build) node "$here/../../tools/bootstrap.mjs" ;;
  run) exec node "$here/../../dist/benchmarks/peers/opportune/main.js" ;;
  *) sed -n '2,3p' "$0"; exit 2 ;;
esac
