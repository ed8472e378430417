#!/usr/bin/env bash
# Shows that the static judges fail when they should: one fault at a time is planted in a copy of the document. A judge
# that stays silent where it is known to see the fault makes this script fail, because its green would mean nothing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
trap 'rm -rf "$work"' EXIT

passed=0
failed=0
talks_of_the_fault='NobodyWroteThis|✖ major|major +removed|parameters(/[0-9]+/|\[[0-9]+\]\.)(example|schema)|greater than the maximum'

# expect pass|fail JUDGE FAULT
expect() {
    local seen=fail log="$work/$2-$3.log"
    if "$2" "$work/$3.json" >"$log" 2>&1; then seen=pass; fi
    # A judge that cannot even start also "fails": the fault must be what it talks about.
    if [ "$seen" = fail ] && [ "$1" = fail ] && ! grep -qE "$talks_of_the_fault" "$log"; then
        seen="fail, but not because of the fault"
    fi
    if [ "$seen" = "$1" ]; then
        passed=$((passed + 1))
        echo "ok      $2 on $3: $seen"
    else
        failed=$((failed + 1))
        echo "FAILED  $2 on $3: expected $1, saw $seen"
        cat "$log"
    fi
}

for fault in control dangling-reference wrong-example default-out-of-range; do
    copy plant "$fault" "$document" "$work/$fault.json"
done
for judge in redocly spectral validator; do
    expect pass "$judge" control
    expect fail "$judge" dangling-reference
done
copy plant removed-operation "$released" "$work/removed-operation.json"
cp "$released" "$work/released.json"
expect pass changes released
expect fail changes removed-operation
expect fail redocly wrong-example
expect fail spectral wrong-example
expect fail spectral default-out-of-range
expect fail validator default-out-of-range

echo "judges-shown-to-fail: $passed passed, $failed failed"
[ "$failed" = 0 ]
