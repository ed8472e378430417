#!/usr/bin/env bash
# The outside judges: three of the API document (static), two of the running service (live).
#
#   run.sh [static|live]        both without an argument
#
#   LABOUR_EXCHANGE_JUDGES      folder with the installed judges        (default: target/judges)
#   LABOUR_EXCHANGE_DOCUMENT    the API document                        (default: openapi/openapi.json)
#   LABOUR_EXCHANGE_BIN         the program                             (default: target/debug/labour-exchange)
#   LABOUR_EXCHANGE_PARTY       party whose client the live judges use  (default: the first party that the seed names)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

bin=$(realpath -m "${LABOUR_EXCHANGE_BIN:-${CARGO_TARGET_DIR:-$root/target}/debug/labour-exchange}")
reports=$judges/reports

# The program's command line, all in one place. $listen and $url hold the address, $storage the database and the keys.
storage=(--database "sqlite:$work/exchange.db" --key-file "$work/keys.json")
scopes="parties.read agreements.read agreements.write quotas.write workers.read workers.write dispatches.write"
scopes="$scopes arrivals.write retention.write reconciliation.write events.read"
operator_scopes="parties.read parties.write"
one_scope=agreements.read
seed() { "$bin" demo --once --listen "$listen" "${storage[@]}" --public-url "$url"; }
# Without the throttle of the token endpoint, or the fuzzer would see nothing of it but 429.
serve() { exec "$bin" serve --listen "$listen" "${storage[@]}" --public-url "$url" --tokens-per-peer 0; }
# add_client PARTY PUBLIC_KEY SCOPES: prints the new client as JSON.
add_client() { "$bin" client add "${storage[@]}" --public-url "$url" --party "$1" --public-key "$2" --scopes "$3"; }
# token CLIENT
token() { "$bin" token "${storage[@]}" --public-url "$url" --client "$1"; }
operator() { "$bin" operator init "${storage[@]}" --public-url "$url" --key-out "$work/operator.jwk.json"; }
ready_path=/readyz

server=
stop_server() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    server=
}
trap 'stop_server; rm -rf "$work"' EXIT

passed=0
failed=0

# judge NAME LINES COMMAND...: runs it, keeps its words in the reports, shows the last LINES of them, more on failure.
judge() {
    local name=$1 lines=$2 log=$reports/$1.log
    shift 2
    echo "== $name"
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        tail -n "$lines" "$log"
    else
        failed=$((failed + 1))
        tail -n 200 "$log" | cut -c1-500
        echo "FAILED  $name (all of it: $log)"
    fi
}

must_fail() { if "$@"; then echo "this should have been found and was not" && return 1; fi; }

static() {
    judge redocly 3 redocly "$document"
    judge spectral 3 spectral "$document"
    judge openapi-spec-validator 3 validator "$document"
}

free_address() {
    "$judges/py/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print("%s:%d" % s.getsockname())'
}

field() { "$judges/py/bin/python" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# fetch URL [TOKEN]
fetch() {
    "$judges/py/bin/python" -c 'import sys, urllib.request as u
bearer = {"Authorization": f"Bearer {sys.argv[2]}"} if len(sys.argv) > 2 else {}
sys.stdout.buffer.write(u.urlopen(u.Request(sys.argv[1], headers=bearer), timeout=20).read())' "$@"
}

wait_until_ready() {
    local deadline=$((SECONDS + 60))
    until fetch "$url$ready_path" >/dev/null 2>&1; do
        kill -0 "$server" 2>/dev/null || { cat "$reports/server.log"; die "the server ended before it was ready"; }
        [ "$SECONDS" -lt "$deadline" ] || { cat "$reports/server.log"; die "the server was not ready after 60 s"; }
        sleep 0.1
    done
}

# fuzz SECONDS CLIENT DOCUMENT REPORT MORE...: the fuzzer with a fresh token, which lives ten minutes at most. In the end
# the token must still be good, or what was refused to the fuzzer says nothing.
fuzz() {
    local seconds=$1 source=$3 report=$4 bearer
    bearer=$(token "$2") || return 1
    shift 4
    (
        cd "$work"
        LABOUR_EXCHANGE_IDS=$work/ids.json SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$here \
            timeout --kill-after=10 "$seconds" "$judges/py/bin/st" --config-file "$here/schemathesis.toml" \
            run "$source" --url "$url" --header "Authorization: Bearer $bearer" --seed 1 \
            --request-timeout 20 --generation-database none --continue-on-failure \
            --report junit --report-junit-path "$reports/$report.xml" "$@"
    ) && fetch "$url/v1/parties?limit=1" "$bearer" >/dev/null
}

# Whether a request is refused without its token, or with a wrong one, and nothing else.
fuzz_tokens() { fuzz 90 "$client" "$@" --checks ignored_auth --mode positive --phases examples,fuzzing --max-examples 1; }

# The service must be caught when it answers what the document does not promise, or the fuzzer's green says nothing:
# a fuzzer whose token is refused throughout finds no fault either.
fuzzer_sees() {
    local path
    path=$(copy plant hidden-answer "$work/served.json" "$work/hidden.json") || return 1
    must_fail fuzz 60 "$client" "$work/hidden.json" shown-to-fail --include-path "$path" \
        --phases fuzzing --max-examples 5 || return 1
    grep -Eq '^- ST[0-9]+ Undocumented (status code|Content-Type)' "$reports/schemathesis-shown-to-fail.log" || return 1
    path=$(copy plant needless-token "$work/bearer.json" "$work/needless.json") || return 1
    must_fail fuzz_tokens "$work/needless.json" shown-to-fail-tokens --include-path "$path" || return 1
    grep -Eq '^- ST401 ' "$reports/schemathesis-shown-to-fail.log"
}

served_as_committed() { cmp "$work/served.json" "$document"; }

survived() { kill -0 "$server" && ! grep -n 'panicked at' "$reports/server.log"; }

live() {
    [ -x "$bin" ] || die "there is no program at $bin: run 'cargo build', or set LABOUR_EXCHANGE_BIN"
    listen=$(free_address)
    url=http://$listen
    seed >"$reports/seed.log" 2>&1 </dev/null || { cat "$reports/seed.log"; die "the seed failed"; }
    serve >"$reports/server.log" 2>&1 </dev/null &
    server=$!
    wait_until_ready

    cp "$here/oauth.mjs" "$judges/oauth.mjs" # modules are looked up from where the script lies
    node "$judges/oauth.mjs" key "$work"
    local party=${LABOUR_EXCHANGE_PARTY:-}
    if [ -z "$party" ]; then
        party=$(grep -ioE 'part(y|ies)[^0-9a-f]{1,40}[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' "$reports/seed.log" |
            grep -oE '[0-9a-f-]{36}$' | head -n 1) ||
            die "the seed printed no 'party ...: ID': set LABOUR_EXCHANGE_PARTY"
    fi
    client=$(add_client "$party" "$work/public.jwk.json" "$scopes" 2>"$reports/client.log" | field client_id) ||
        { cat "$reports/client.log"; die "no client could be added for party $party"; }
    # Some operations are the operator's alone; of the rest it sees nothing.
    node "$judges/oauth.mjs" key "$work/operator"
    operator_client=$(add_client "$(operator 2>>"$reports/client.log" | field party_id)" \
        "$work/operator/public.jwk.json" "$operator_scopes" 2>>"$reports/client.log" | field client_id) ||
        { cat "$reports/client.log"; die "no client could be added for the operator"; }
    "$judges/py/bin/python" "$here/ids.py" "$url" "$(token "$client")" >"$work/ids.json" ||
        die "the ids of the seed could not be read with a token of client $client"
    fetch "$url/openapi.json" >"$work/served.json" || die "$url/openapi.json does not answer"
    copy bearer "$work/served.json" "$work/bearer.json"

    judge served-as-committed 1 served_as_committed
    judge oauth 9 node "$judges/oauth.mjs" judge "$url" "$client" "$work" "$one_scope"
    judge schemathesis-shown-to-fail 1 fuzzer_sees
    judge schemathesis-tokens 12 fuzz_tokens "$work/bearer.json" schemathesis-tokens
    judge schemathesis 12 fuzz 420 "$client" "$work/served.json" schemathesis --max-examples 10
    # Last, because the operator may suspend parties.
    judge schemathesis-operator 12 fuzz 120 "$operator_client" "$work/served.json" schemathesis-operator \
        --include-path-regex '^/v1/(parties|clients|zones)' --max-examples 10
    judge server-survived 1 survived
    stop_server
}

mkdir -p "$reports"
case ${1:-all} in
static) static ;;
live) live ;;
all) static && live ;;
*) die "unknown part: $1 (static or live)" ;;
esac

echo "judges: $passed passed, $failed failed"
[ "$failed" = 0 ]
