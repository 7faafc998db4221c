#!/usr/bin/env bash
# Compare all locked packages with known advisories: `make audit`. Python's by pip-audit, from
# an environment of its own, npm's by npm. Where advisories cannot be reached it says so and
# ends with 3; with findings it ends with 1.
set -uo pipefail
cd "$(dirname "$0")/.."
AUDIT=${AUDIT:-.venv/audit/bin/pip-audit}
code=0

note() { # what, exit code, output
  if [ "$2" = 0 ]; then
    echo "no known advisory: $1"
  elif grep -qiE 'ConnectionError|Max retries|Connection(Timeout| refused)|ServiceError|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ENETUNREACH|audit endpoint|ENOAUDIT|[^0-9](403|404|405|502|503) ' "$3"; then
    echo "not audited, advisories cannot be reached: $1"
    [ "$code" = 0 ] && code=3
  else
    cat "$3"
    echo "findings: $1"
    code=1
  fi
}

out=$(mktemp)
trap 'rm -f "$out"' EXIT
for lock in functions/requirements.txt functions/requirements-preprocessing.txt \
    training/requirements.txt; do
  timeout 300 "$AUDIT" --progress-spinner off --disable-pip --require-hashes \
    --requirement "$lock" >"$out" 2>&1
  note "$lock" $? "$out"
done
(cd sdk/typescript && timeout 120 npm audit --package-lock-only --audit-level=moderate) \
  >"$out" 2>&1
note sdk/typescript/package-lock.json $? "$out"
exit "$code"
