#!/usr/bin/env bash
# backup.sh FOLDER: dump the app's database and Dagster's into FOLDER/DATE, keep the newest KEEP (14) of them.
# PG_BIN is the folder of a pg_dump at least as new as the server; default: the one on PATH, or the embedded server's.
set -euo pipefail
umask 077
folder=${1:?Name the folder: backup.sh FOLDER}
keep=${KEEP:-14}
here=$(cd "$(dirname "$0")/.." && pwd)
matchme=${MATCHME:-$here/.venv/bin/matchme}
pg_bin=${PG_BIN:-$("$matchme" db tools 2>/dev/null || true)}
dump=${pg_bin:+$pg_bin/}pg_dump
target=$folder/$(date -u +%Y-%m-%dT%H%M%SZ)
mkdir -p "$target.partial"
"$dump" --format=custom --no-owner --file="$target.partial/app.dump" "$("$matchme" db uri)"
# Dagster's tables are in the app's dump if they share its database (schema dagster); otherwise they have their own dump.
if dagster=$("$matchme" db uri --dagster) && [ "$dagster" != "$("$matchme" db uri)" ]; then
  "$dump" --format=custom --no-owner --file="$target.partial/dagster.dump" "$dagster"
fi
# Only a complete backup gets its final name.
mv "$target.partial" "$target"
ls -1d "$folder"/????-??-??T??????Z | head -n "-$keep" | xargs -r rm -rf --
echo "$target"
