#!/usr/bin/env bash
# Types docs/first-hour.md into one bash, block after block, in a fresh folder, and holds what it prints to what the page says.
#
#   first-hour.sh                    the page as it is
#   first-hour.sh wrong-expectation  the page with a figure that is not so
#   first-hour.sh failing-command    the page with a command that fails
#
#   LABOUR_EXCHANGE_BIN              the program (default: target/debug/labour-exchange)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
trap 'rm -rf "$work"' EXIT

bin=$(realpath -m "${LABOUR_EXCHANGE_BIN:-${CARGO_TARGET_DIR:-$root/target}/debug/labour-exchange}")
page=$root/docs/first-hour.md
output=$judges/reports/first-hour.output
python=$judges/clients/py/bin/python
[ -x "$python" ] || die "the clients' tools are not installed: run 'bash .ci/install-tools.sh clients'"

first_hour() { "$python" "$here/first_hour.py" "$@"; }

# type_in PAGE OUTPUT: nothing of the machine's own settings reaches the page; whatever it started ends with it.
type_in() {
    local setting
    first_hour script "$1" >"$work/first-hour.bash"
    mkdir "$work/fresh"
    (
        cd "$work/fresh"
        for setting in $(compgen -e LABOUR_EXCHANGE_); do unset "$setting"; done
        PATH=$judges/clients/py/bin:$PATH EXCHANGE=$bin EXAMPLES=$root/examples \
            timeout --kill-after=10 600 bash "$work/first-hour.bash"
    ) >"$2" 2>&1 </dev/null
}

# hold PAGE OUTPUT: types the page in, and holds the output to it. A command that fails is the last one reached: its words tell why.
hold() {
    local ended=0 differs=0
    type_in "$1" "$2" || ended=$?
    first_hour check "$1" "$2" || differs=1
    [ "$ended" = 0 ] || { tail -n 20 "$2" && echo "first-hour: the page ended with $ended"; }
    [ "$ended$differs" = 00 ] || return 1
    echo "first-hour: $(grep -c '^```sh$' "$1") blocks typed in, and each said what the page says"
}

mkdir -p "$judges/reports"
case ${1:-as-it-is} in
as-it-is) hold "$page" "$output" ;;
wrong-expectation)
    sed 's/^targets.0.numerator: 2$/targets.0.numerator: 7/' "$page" >"$work/page.md"
    hold "$work/page.md" "$work/output"
    ;;
failing-command)
    sed '0,/^```sh$/s//```sh\nfalse/' "$page" >"$work/page.md"
    hold "$work/page.md" "$work/output"
    ;;
*) die "unknown fault: $1" ;;
esac
