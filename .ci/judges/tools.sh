# Sourced by the scripts beside it: where the judges are and how each static judge is asked.
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
judges=$(realpath -m "${LABOUR_EXCHANGE_JUDGES:-$root/target/judges}")
released=$root/openapi/released.json
document=$(realpath -m "${LABOUR_EXCHANGE_DOCUMENT:-$root/openapi/openapi.json}")

die() {
    echo "judges: $*" >&2
    exit 1
}

[ -f "$judges/.stamp" ] || die "the judges are not installed in $judges: run 'bash .ci/install-tools.sh'"
[ -s "$document" ] || die "there is no document at $document: run 'make openapi'"

work=$(mktemp -d)

# Each takes a document; a warning counts as a failure.
redocly() { (cd "$work" && "$judges/node_modules/.bin/redocly" lint --extends=recommended-strict "$1"); }
spectral() { (cd "$work" && "$judges/node_modules/.bin/spectral" lint --ruleset "$here/oas.yaml" --fail-severity=warn "$1"); }
validator() { (cd "$work" && "$judges/py/bin/openapi-spec-validator" "$1"); }
# Against the last released document: a change that breaks clients of this major version fails.
changes() { (cd "$work" && "$judges/node_modules/.bin/redocly" diff "$released" "$1"); }
copy() { "$judges/py/bin/python" "$here/document.py" "$@"; }
