#!/usr/bin/env bash
# The main job by hand, with nothing but curl: two regions agree, places are published, two people are sent, the employer
# confirms one of them, and the county reads the number and the rows behind it.
#
#   labour-exchange serve &                 # an empty database is enough
#   examples/first_agreement.sh             # prints each request and what came of it
#
# EXCHANGE is the program (default: labour-exchange on the PATH), BASE the address of the server. It registers invented people.
set -euo pipefail

EXCHANGE=${EXCHANGE:-labour-exchange}
BASE=${BASE:-http://127.0.0.1:8080}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

new_key() { cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen; }
today() { TZ=Asia/Shanghai date -d "${1:-now}" +%F 2>/dev/null || TZ=Asia/Shanghai date +%F; }

# field NAME: the first member of that name in the JSON on standard input.
field() { tr ',{}[]' '\n' | sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\"]*\)\"\{0,1\} *$/\1/p" | head -1; }

# call TOKEN METHOD PATH [BODY]: sends a request, stops at a problem, prints the answer.
call() {
    local token=$1 method=$2 path=$3 body=${4:-} status
    local send=(-sS -X "$method" "$BASE$path" -H "Authorization: Bearer $token" -H 'Accept-Language: zh-CN' -o "$WORK/answer" -w '%{http_code}')
    if [ "$method" = POST ]; then
        send+=(-H "Idempotency-Key: $(new_key)" -H 'Content-Type: application/json' --data "$body")
    fi
    status=$(curl "${send[@]}")
    echo "$method $path -> $status" >&2
    if [ "$status" -ge 400 ]; then
        cat "$WORK/answer" >&2
        echo >&2
        exit 1
    fi
    cat "$WORK/answer"
}

# party NAME KIND REGION: registers a party with a client; prints its id, and keeps a token in $WORK/NAME.
party() {
    local id client
    id=$("$EXCHANGE" party add --name "$1" --kind "$2" --region "$3" | field party_id)
    "$EXCHANGE" client new-key --out "$WORK/$1.jwk" >"$WORK/$1.pub.jwk"
    client=$("$EXCHANGE" client add --party "$id" --name "$1" --public-key "$WORK/$1.pub.jwk" | field client_id)
    "$EXCHANGE" token --client "$client" >"$WORK/$1"
    echo "$id"
}

# The operator registers who takes part. A partner system keeps its key and gets its tokens at /oauth/token.
shaoyang=$(party 邵阳县人力资源和社会保障局 authority 430523)
yiwu=$(party 义乌市人力资源和社会保障局 authority 330782)
factory=$(party 义乌恒风袜业有限公司 employer 330782)
origin=$(cat "$WORK/邵阳县人力资源和社会保障局")
destination=$(cat "$WORK/义乌市人力资源和社会保障局")
employer=$(cat "$WORK/义乌恒风袜业有限公司")
year=$(today | cut -d- -f1)
number="SY-YW-$year-$(new_key | cut -c1-8)"

# 1. The origin drafts the agreement and puts it before the other side; both ratify the SHA-256 of the same bytes.
agreement=$(call "$origin" POST /v1/agreements '{
    "number": "'"$number"'", "title": "邵阳县—义乌市劳务协作协议", "kind": "inter_provincial",
    "effective_from": "'"$year"'-01-01", "effective_to": "'$((year + 2))'-12-31",
    "parties": [{"party_id": "'"$shaoyang"'", "role": "origin"}, {"party_id": "'"$yiwu"'", "role": "destination"}],
    "terms": {
        "targets": [{"plan_year": '"$year"', "indicator": "onboarded", "population": "all", "scope": "outside_province", "unit": "person", "number": 2}],
        "arrival": {"meaning": "onboarded", "window_days": 7, "minimum_evidence": "e2"},
        "retention": {"rule_id": "stay_3m_continuous", "nodes": [{"unit": "days", "length": 30}, {"unit": "days", "length": 90}],
            "continuity": "continuous", "allowed_gap_days": 15, "employer_scope": "same_region", "start_basis": "onboarded_day",
            "minimum_evidence": "e2", "evidence_valid_days": 62},
        "attribution": "earliest_confirmed_arrival", "hold_days": 30, "deadlines": {"answer_days": 14, "exit_days": 7},
        "data_sharing": {"legal_basis": "协议第六条", "purpose": "到岗交接与稳岗跟踪", "retention_days": 1095}}}' | field id)
path=/v1/agreements/$agreement
call "$origin" POST "$path/proposal" '{}' >"$WORK/proposed"
for party in "$origin" "$destination"; do
    curl -sS "$BASE$path/document" -H "Authorization: Bearer $party" >"$WORK/document" # read it before you sign it
    digest=$(sha256sum "$WORK/document" | cut -d' ' -f1)
    call "$party" POST "$path/ratification" '{"digest": "'"$digest"'"}' >"$WORK/ratified"
done

# 2. The destination publishes places of an employer.
quota=$(call "$destination" POST "$path/quotas" '{"employer_id": "'"$factory"'", "post_title": "缝纫工", "region_code": "330782",
    "requested_places": 2, "valid_until": "'"$year"'-12-31"}' | field id)
call "$destination" POST "$path/quotas/$quota/publication" '{"approved_places": 2}' >"$WORK/published"

# 3. The origin registers people, puts them on a roster, and the batch leaves. A place is held from the moment of enrolment.
call "$origin" POST /v1/worker-batches '{"rows": [
    {"partner_ref": "'"$number"'-1", "name": "刘春", "identity_number": "430523199003079969", "hukou_code": "430523"},
    {"partner_ref": "'"$number"'-2", "name": "陈建", "identity_number": "430523199105129971", "hukou_code": "430523"}]}' >"$WORK/workers"
dispatch=$(call "$origin" POST "$path/dispatches" '{"title": "第一批", "mode": "point_to_point", "legal_basis": "协议第六条",
    "consent_recorded": true, "planned_departure_on": "'"$(today)"'", "planned_arrival_on": "'"$(today)"'"}' | field id)
call "$origin" POST "$path/dispatches/$dispatch/roster" '{"rows": [
    {"worker_ref": "'"$number"'-1", "quota_id": "'"$quota"'", "partner_ref": "'"$number"'-1"},
    {"worker_ref": "'"$number"'-2", "quota_id": "'"$quota"'", "partner_ref": "'"$number"'-2"}]}'
echo
call "$origin" POST "$path/dispatches/$dispatch/lock" '{}' >"$WORK/locked"
call "$origin" POST "$path/dispatches/$dispatch/departure" '{"departed_on": "'"$(today)"'"}' >"$WORK/departed"

# 4. The employer says who came.
call "$employer" POST "$path/claims" '{"rows": [
    {"placement_ref": "'"$number"'-1", "outcome": "onboarded", "happened_on": "'"$(today)"'", "evidence": "e2"}]}'
echo

# 5. Officials read the number, and walk down to the rows behind it.
call "$origin" GET "$path/fulfilment" >"$WORK/fulfilment"
echo "到岗 onboarded: $(field numerator <"$WORK/fulfilment") / $(field denominator <"$WORK/fulfilment")"
call "$origin" GET "$(field rows <"$WORK/fulfilment")"
echo
