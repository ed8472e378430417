"""Ids that the running service knows, as JSON, for the fuzzer to put in place of made-up ones.

ids.py URL TOKEN [AGREEMENTS]    prints {"agreements": [{"agreement_id": ..., "quota_id": ..., ...}, ...],
                                 "others": {"worker_id": [...], ...}}
                                 What stands together under `agreements` belongs together, so that an address of several
                                 ids is one. AGREEMENTS is how many there are at most.
"""

import json
import sys
import urllib.error
import urllib.request

AT_MOST = 5
# The lists below an agreement that lead to one id each, and the list of things that stand by themselves.
BELOW_AGREEMENT = {
    "quota_id": "quotas",
    "dispatch_id": "dispatches",
    "placement_id": "placements",
    "claim_id": "claims",
    "run_id": "reconciliations",
}
BY_ITSELF = {"party_id": "parties", "worker_id": "workers", "zone_id": "zones", "client_id": "clients"}


def main(url, token, at_most=AT_MOST):
    def ids(path, limit=AT_MOST):
        request = urllib.request.Request(
            f"{url}/v1/{path}?limit={limit}", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return [item["id"] for item in json.load(answer)["items"]]
        except urllib.error.HTTPError as refused:
            # Clients are the operator's to read, agreements and workers are not.
            if refused.code == 403:
                return []
            raise

    agreements = []
    for agreement in ids("agreements", at_most):
        one = {"agreement_id": agreement}
        for name, path in BELOW_AGREEMENT.items():
            one.update((name, each) for each in ids(f"agreements/{agreement}/{path}")[:1])
        agreements.append(one)
    others = {name: ids(path) for name, path in BY_ITSELF.items()}
    if not others["party_id"] or not (agreements or others["client_id"]):
        sys.exit("the service shows no party, or neither an agreement nor a client: was a year played on it?")
    json.dump({"agreements": agreements, "others": others}, sys.stdout, indent=1)


main(*sys.argv[1:])
