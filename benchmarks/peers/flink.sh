#!/usr/bin/env bash
# Flink in a local mini cluster. `build` compiles; `run` does one query until it is killed, told by
# environment variables (jvm/events/.../Settings.java). Exit code 3: cannot be used here, the reason is
# printed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$here/../../.cache/peers/flink
need() { command -v "$1" >/dev/null || { echo "NOT_AVAILABLE no $1 on the path"; exit 3; }; }
need java
case ${1:-} in
  build)
    need mvn
    mvn -q -B -ntp -f "$here/jvm/pom.xml" package -pl events,flink
    ;;
  run)
    # What Flink's own start scripts open on Java 17.
    exec java -Xmx1g -Djava.io.tmpdir="$STATE_DIRECTORY" \
      --add-opens=java.base/java.lang=ALL-UNNAMED \
      --add-opens=java.base/java.util=ALL-UNNAMED \
      --add-opens=java.base/java.util.concurrent=ALL-UNNAMED \
      --add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED \
      --add-opens=java.base/java.net=ALL-UNNAMED \
      --add-opens=java.base/java.text=ALL-UNNAMED \
      --add-opens=java.base/java.time=ALL-UNNAMED \
      -cp "$out/lib/*" opportune.peers.flink.Main
    ;;
  *) sed -n '2,4p' "$0"; exit 2 ;;
esac
