#!/usr/bin/env bash
# The outside judges: four of the API document (static), two of the running service (live), one of webhooks, one of record linkage;
# what a partner reads and starts from (partner), and the clients others generate from the document (clients).
#
#   run.sh [static|live|webhooks|linkage|partner|clients]        the first three without an argument
#
#   LABOUR_EXCHANGE_JUDGES      folder with the installed judges        (default: target/judges)
#   LABOUR_EXCHANGE_DOCUMENT    the API document                        (default: openapi/openapi.json)
#   LABOUR_EXCHANGE_BIN         the program                             (default: target/debug/labour-exchange)
#   LABOUR_EXCHANGE_LINK_FILES  the example that links files            (default: target/debug/examples/link_files)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

bin=$(realpath -m "${LABOUR_EXCHANGE_BIN:-${CARGO_TARGET_DIR:-$root/target}/debug/labour-exchange}")
reports=$judges/reports

# The program's command line, all in one place. $listen and $url hold the address, $storage the database and the keys.
storage=(--database "sqlite:$work/exchange.db" --key-file "$work/keys.json")
operator_scopes="parties.read parties.write"
one_scope=parties.read
# Plays the year and serves on, with the clock on its last day: only then are its agreements in force. It
# throttles nobody, or the fuzzer would see nothing of the token endpoint but 429.
play() { exec "$bin" demo --listen "$listen" "${storage[@]}" --public-url "$url"; }
serve() { exec "$bin" serve --listen "$listen" "${storage[@]}" --public-url "$url"; }
# add_client PARTY PUBLIC_KEY SCOPES: prints the new client as JSON.
add_client() { "$bin" client add "${storage[@]}" --public-url "$url" --party "$1" --public-key "$2" --scopes "$3"; }
# token CLIENT
token() { "$bin" token "${storage[@]}" --public-url "$url" --client "$1"; }
operator() { "$bin" operator init "${storage[@]}" --public-url "$url" --key-out "$work/operator.jwk.json"; }
# A sandbox of its own in $work/sandbox, which counts no tokens: every judge comes from this one address.
sandbox() {
    exec "$bin" sandbox --folder "$work/sandbox" --from 2026-01-05 --listen "$listen" --tokens-per-client 0 --tokens-per-peer 0
}
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
    judge redocly-diff 3 changes "$document"
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

# wait_for SECONDS LOG COMMAND...: until the command succeeds; LOG is shown when it does not.
wait_for() {
    local seconds=$1 log=$2 deadline=$((SECONDS + $1))
    shift 2
    until "$@" >/dev/null 2>&1; do
        kill -0 "$server" 2>/dev/null || { cat "$log"; die "the server ended before it was ready"; }
        [ "$SECONDS" -lt "$deadline" ] || { cat "$log"; die "the server was not ready after $seconds s"; }
        sleep 0.1
    done
}

# shown_token ORIGIN|DESTINATION|EMPLOYER: of the first agreement; the clock stands still, so it does not run out.
shown_token() { sed -n "s/^  $1=//p" "$reports/year.log"; }
everybody_is_shown() { [ -n "$(shown_token EMPLOYER)" ]; }

# fuzz SECONDS TOKEN IDS DOCUMENT REPORT MORE...: in the end the token must still be good, or what was refused to the
# fuzzer says nothing.
fuzz() {
    local seconds=$1 bearer=$2 ids=$3 source=$4 report=$5
    shift 5
    (
        cd "$work"
        LABOUR_EXCHANGE_IDS=$ids SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$here \
            timeout --kill-after=10 "$seconds" "$judges/py/bin/st" --config-file "$here/schemathesis.toml" \
            run "$source" --url "$url" --header "Authorization: Bearer $bearer" --seed 1 \
            --request-timeout 20 --generation-database none --continue-on-failure \
            --report junit --report-junit-path "$reports/$report.xml" "$@"
    ) && fetch "$url/v1/parties?limit=1" "$bearer" >/dev/null
}

# Whether a request is refused without its token, or with a wrong one, and nothing else.
fuzz_tokens() {
    fuzz 90 "$origin" "$work/ids.json" "$@" --checks ignored_auth --mode positive \
        --phases examples,fuzzing --max-examples 1
}

# The service must be caught when it answers what the document does not promise, or the fuzzer's green says nothing:
# a fuzzer whose token is refused throughout finds no fault either.
fuzzer_sees() {
    local path
    path=$(copy plant hidden-answer "$work/served.json" "$work/hidden.json") || return 1
    must_fail fuzz 60 "$origin" "$work/ids.json" "$work/hidden.json" shown-to-fail --include-path "$path" \
        --phases fuzzing --max-examples 5 || return 1
    grep -Eq '^- ST[0-9]+ Undocumented (status code|Content-Type)' "$reports/schemathesis-shown-to-fail.log" || return 1
    path=$(copy plant needless-token "$work/bearer.json" "$work/needless.json") || return 1
    must_fail fuzz_tokens "$work/needless.json" shown-to-fail-tokens --include-path "$path" || return 1
    grep -Eq '^- ST401 ' "$reports/schemathesis-shown-to-fail.log"
}

known_ids() { "$judges/py/bin/python" "$here/ids.py" "$url" "$@"; }

served_as_committed() { cmp "$work/served.json" "$document"; }

# survived LOG: it still runs, and nothing broke on the way.
survived() { kill -0 "$server" && ! grep -n 'panicked at' "$1"; }

# The demonstration itself says whether the year came out as planned; its marks show what did not.
ended_as_planned() {
    kill "$server" || return 1
    local ended=0
    wait "$server" || ended=$?
    server=
    grep '✗' "$reports/year.log"
    return "$ended"
}

# The parties of the year: the origin may most of all, the others in what is theirs alone.
judge_the_year() {
    play >"$reports/year.log" 2>&1 </dev/null &
    server=$!
    wait_for 600 "$reports/year.log" everybody_is_shown
    origin=$(shown_token ORIGIN)
    known_ids "$origin" >"$work/ids.json" || die "the ids of the year could not be read"
    known_ids "$origin" 1 >"$work/first.json" || die "the ids of the first agreement could not be read"
    fetch "$url/openapi.json" >"$work/served.json" || die "$url/openapi.json does not answer"
    copy bearer "$work/served.json" "$work/bearer.json"

    judge served-as-committed 1 served_as_committed
    judge schemathesis-shown-to-fail 1 fuzzer_sees
    judge schemathesis-tokens 12 fuzz_tokens "$work/bearer.json" schemathesis-tokens
    # Before the origin, which may end an agreement for everybody.
    judge schemathesis-destination 12 fuzz 120 "$(shown_token DESTINATION)" "$work/first.json" "$work/served.json" \
        schemathesis-destination --include-path-regex '/quotas' --max-examples 10
    judge schemathesis-employer 12 fuzz 120 "$(shown_token EMPLOYER)" "$work/first.json" "$work/served.json" \
        schemathesis-employer --include-path-regex '/(claims|exits|observations)$' --max-examples 10
    judge schemathesis-origin 12 fuzz 900 "$origin" "$work/ids.json" "$work/served.json" schemathesis-origin \
        --max-examples 10
    judge year-survived 1 survived "$reports/year.log"
    judge year-as-planned 1 ended_as_planned
}

# What follows the clock of the day: assertions, and the operator, who registers parties and suspends them.
judge_the_service() {
    serve >"$reports/server.log" 2>&1 </dev/null &
    server=$!
    wait_for 60 "$reports/server.log" fetch "$url$ready_path"
    cp "$here/oauth.mjs" "$judges/oauth.mjs" # modules are looked up from where the script lies
    node "$judges/oauth.mjs" key "$work"
    client=$(add_client "$(operator 2>"$reports/client.log" | field party_id)" "$work/public.jwk.json" \
        "$operator_scopes" 2>>"$reports/client.log" | field client_id) ||
        { cat "$reports/client.log"; die "no client could be added for the operator"; }

    judge oauth 9 node "$judges/oauth.mjs" judge "$url" "$client" "$work" "$one_scope"
    known_ids "$(token "$client")" >"$work/operator.json" || die "the ids that the operator sees could not be read"
    judge schemathesis-operator 12 fuzz 120 "$(token "$client")" "$work/operator.json" "$work/served.json" \
        schemathesis-operator --include-path-regex '^/v1/(parties|clients|zones)' --max-examples 10
    judge server-survived 1 survived "$reports/server.log"
    stop_server
}

live() {
    [ -x "$bin" ] || die "there is no program at $bin: run 'cargo build', or set LABOUR_EXCHANGE_BIN"
    listen=$(free_address)
    url=http://$listen
    judge_the_year
    judge_the_service
}

# Our signatures and the other implementation: each must take what the other signs, and a wrong secret must be found.
compare_webhooks() { "$judges/py/bin/python" "$here/webhooks.py" "$bin" "$@"; }

webhooks_sees() {
    local said
    said=$(must_fail compare_webhooks --plant other-secret) || return 1
    echo "$said"
    grep -q accepts_signed <<<"$said"
}

webhooks() {
    [ -x "$bin" ] || die "there is no program at $bin: run 'cargo build', or set LABOUR_EXCHANGE_BIN"
    judge webhooks-shown-to-fail 2 webhooks_sees
    judge webhooks 3 compare_webhooks
}

# Our matcher and the other method on the same pairs; the first word may be a fault to plant.
compare_linkage() {
    "$judges/linkage/bin/python" "$here/linkage.py" "$link_files" "$root/tests/data/febrl/dataset3.csv" "$work/linkage" \
        ${1:+--plant "$1"}
}

# A judge that cannot even start also fails: the fault must be what it talks about.
linkage_sees() {
    local said
    said=$(must_fail compare_linkage "$1") || return 1
    echo "$said"
    grep -q "^linkage: $2" <<<"$said"
}

linkage() {
    link_files=$(realpath -m "${LABOUR_EXCHANGE_LINK_FILES:-${CARGO_TARGET_DIR:-$root/target}/debug/examples/link_files}")
    [ -x "$link_files" ] || die "there is no program at $link_files: run 'cargo build --example link_files'"
    bash "$here/../install-tools.sh" linkage
    judge linkage-shown-to-fail-on-wrong-links 1 linkage_sees swapped-partners 'automatic links have precision'
    judge linkage-shown-to-fail-on-lost-links 1 linkage_sees lost-links 'our F1'
    judge linkage 8 compare_linkage
}

start_sandbox() {
    [ -x "$bin" ] || die "there is no program at $bin: run 'cargo build', or set LABOUR_EXCHANGE_BIN"
    listen=$(free_address)
    url=http://$listen
    sandbox >"$reports/sandbox.log" 2>&1 </dev/null &
    server=$!
    wait_for 60 "$reports/sandbox.log" fetch "$url$ready_path"
}

# A judge that cannot even start also fails: what it says must fit WORDS. fails_saying WORDS COMMAND...
fails_saying() {
    local words=$1 said
    shift
    said=$(must_fail "$@" 2>&1) || { echo "$said" && return 1; }
    grep -E "$words" <<<"$said" || { echo "$said" && return 1; }
}

walk() { "$judges/clients/py/bin/python" "${1:-$root/examples}/sandbox_walk.py" "$work/sandbox/sandbox.json"; }

# The walk holds every figure to what it must be; one of them is made wrong.
plant_in_walk() {
    mkdir "$work/walk"
    cp "$root/examples/partner.py" "$work/walk"
    sed 's/(11, 11, 0, 0)/(11, 10, 1, 0)/' "$root/examples/sandbox_walk.py" >"$work/walk/sandbox_walk.py"
}

# What a partner reads first, typed in as it stands, and the whole way to day 90.
partner() {
    [ -x "$bin" ] || die "there is no program at $bin: run 'cargo build', or set LABOUR_EXCHANGE_BIN"
    bash "$here/../install-tools.sh" clients
    judge first-hour 1 bash "$here/first-hour.sh"
    judge first-hour-shown-to-fail-on-a-figure 1 \
        fails_saying 'expected and not seen: targets.0.numerator: 7' bash "$here/first-hour.sh" wrong-expectation
    judge first-hour-shown-to-fail-on-a-command 1 \
        fails_saying 'this block was not reached' bash "$here/first-hour.sh" failing-command
    start_sandbox
    plant_in_walk
    judge sandbox-walk-shown-to-fail 1 fails_saying '^DIFFERS  day 30' walk "$work/walk"
    judge sandbox-walk 4 walk
    judge sandbox-survived 1 survived "$reports/sandbox.log"
    stop_server
}

generate() { bash "$here/clients.sh" "$@"; }

call_python() {
    PYTHONPATH=$work/python "$judges/clients/py/bin/python" -W error "${1:-$root/examples/clients}/first_calls.py" "$work/sandbox/sandbox.json"
}

call_typescript() {
    local token
    token=$("$judges/clients/py/bin/python" "$root/examples/partner.py" --sandbox "$work/sandbox/sandbox.json" --as origin token)
    EXCHANGE_URL=$url EXCHANGE_TOKEN=$token node "$work/typescript/out/first_calls.js"
}

file_bodies() { "$judges/py/bin/python" "$here/file_bodies.py" "$1"; }

# The programs, wrong in one place: one asks for another code, the other reads a member that is not there.
plant_in_programs() {
    mkdir -p "$work/planted/clients"
    cp "$root/examples/partner.py" "$work/planted"
    sed 's/\["430523"\]/["430524"]/' "$root/examples/clients/first_calls.py" >"$work/planted/clients/first_calls.py"
    sed 's/row\.status/row.state/' "$root/examples/clients/first_calls.ts" >"$work/planted/clients/first_calls.ts"
}

# Clients that others generate from our document.
clients() {
    bash "$here/../install-tools.sh" clients
    copy plant dangling-reference "$document" "$work/dangling.json"
    copy plant numbers-for-a-file "$document" "$work/numbers.json"
    plant_in_programs
    judge clients-shown-to-fail-on-a-file 1 fails_saying 'file-bodies: getRoot: a file' file_bodies "$work/numbers.json"
    judge clients-files 1 file_bodies "$document"
    judge python-client-shown-to-fail 1 fails_saying NobodyWroteThis generate python "$work/dangling.json" "$work/dangling"
    judge python-client 1 generate python "$document" "$work/python"
    judge typescript-client-shown-to-fail 1 fails_saying "Can't resolve .ref" \
        generate typescript "$work/dangling.json" "$work/dangling"
    judge typescript-client-shown-to-fail-on-a-program 1 fails_saying "Property 'state' does not exist" \
        generate typescript "$document" "$work/planted" "$work/planted/clients/first_calls.ts"
    judge typescript-client 1 generate typescript "$document" "$work/typescript"
    start_sandbox
    judge python-call-shown-to-fail 1 fails_saying 'successor of 432621: expected' call_python "$work/planted/clients"
    judge python-call 1 call_python
    judge typescript-call 1 call_typescript
    stop_server
}

mkdir -p "$reports"
case ${1:-all} in
static) static ;;
live) live ;;
webhooks) webhooks ;;
linkage) linkage ;;
partner) partner ;;
clients) clients ;;
all) static && live && webhooks ;;
*) die "unknown part: $1 (static, live, webhooks, linkage, partner or clients)" ;;
esac

echo "judges: $passed passed, $failed failed"
[ "$failed" = 0 ]
