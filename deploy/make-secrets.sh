#!/bin/sh
# Writes .env with passwords of its own for docker-compose.yml. Never replaces one: volumes made with
# the old passwords would refuse the new ones.
set -eu
file="$(dirname "$0")/../.env"
if [ -e "$file" ]; then
  echo "$file exists and stays as it is" >&2
  exit 1
fi
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
umask 077
{
  echo "OPPORTUNE_CLICKHOUSE_PASSWORD=$(secret)"
  echo "OPPORTUNE_GRAFANA_PASSWORD=$(secret)"
} >"$file.new"
# Linking fails where the name is taken: of two that run at once, one wins.
ln "$file.new" "$file" && rm "$file.new"
echo "wrote $file, readable by you alone"
