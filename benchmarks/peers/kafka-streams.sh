#!/usr/bin/env bash
# Kafka Streams. `build` compiles; `run` does one query until it is killed, told by environment
# variables (jvm/events/.../Settings.java). Exit code 3: cannot be used here, the reason is printed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$here/../../.cache/peers/kafka-streams
need() { command -v "$1" >/dev/null || { echo "NOT_AVAILABLE no $1 on the path"; exit 3; }; }
need java
case ${1:-} in
  build)
    need mvn
    mvn -q -B -ntp -f "$here/jvm/pom.xml" package -pl events,kafka-streams
    ;;
  run) exec java -Xmx1g -Djava.io.tmpdir="$STATE_DIRECTORY" -cp "$out/lib/*" opportune.peers.streams.Main ;;
  *) sed -n '2,3p' "$0"; exit 2 ;;
esac
