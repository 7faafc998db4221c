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
known=$(mktemp)
trap 'rm -f "$out" "$known"' EXIT
# a source that does not know CVE-2020-28493 knows no advisories: silence would be no proof
echo 'jinja2==2.11.2' >"$known"
timeout 120 "$AUDIT" --progress-spinner off --disable-pip --no-deps \
  --requirement "$known" >"$out" 2>/dev/null # it ends with 1 where it finds it
if ! grep -qE 'CVE-2020-28493|PYSEC-2021-66' "$out"; then
  echo "advisories for Python's packages cannot be reached: none of them is audited"
  AUDIT=
  code=3
fi
for lock in functions/requirements.txt functions/requirements-preprocessing.txt \
    functions/requirements-text.txt training/requirements.txt; do
  [ -n "$AUDIT" ] || continue
  timeout 300 "$AUDIT" --strict --progress-spinner off --disable-pip --require-hashes \
    --requirement "$lock" >"$out" 2>&1
  note "$lock" $? "$out"
done
for lock in infra/package-lock.json sdk/typescript/package-lock.json \
    sdk/typescript/test/bundlers/package-lock.json; do
  (cd "$(dirname "$lock")" && timeout 120 npm audit --package-lock-only \
    --audit-level=moderate) >"$out" 2>&1
  note "$lock" $? "$out"
done
exit "$code"
