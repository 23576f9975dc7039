#!/usr/bin/env bash
# restore.sh BACKUP APP_URL [DAGSTER_URL]: restore a backup of backup.sh into empty databases. Stop the services first.
set -euo pipefail
backup=${1:?Name the backup: restore.sh BACKUP APP_URL [DAGSTER_URL]}
app=${2:?Name the database to restore into, an empty one}
here=$(cd "$(dirname "$0")/.." && pwd)
matchme=${MATCHME:-$here/.venv/bin/matchme}
pg_bin=${PG_BIN:-$("$matchme" db tools 2>/dev/null || true)}
restore=${pg_bin:+$pg_bin/}pg_restore
"$restore" --exit-on-error --no-owner --single-transaction --dbname="$app" "$backup/app.dump"
if [ -f "$backup/dagster.dump" ]; then
  "$restore" --exit-on-error --no-owner --single-transaction --dbname="${3:?Name the database for Dagster}" "$backup/dagster.dump"
fi
echo "restored $backup"
