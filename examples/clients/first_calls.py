#!/usr/bin/env python3
"""First calls with a client that was generated from the document; see README.md beside it. 使用生成的客户端进行首次调用。

    python3 first_calls.py ../../sandbox/sandbox.json

Reads a region, registers two persons of whom one is refused, and asks for an agreement that is not there. Everything that comes back is
of a type of the generated package, a refusal too. Tokens come from `partner.py`. Exit code 1 when anything is not as it must be.
"""

import sys
from pathlib import Path
from uuid import UUID, uuid4

from labour_exchange_client import AuthenticatedClient
from labour_exchange_client.api.agreements import get_agreement
from labour_exchange_client.api.regions import get_region
from labour_exchange_client.api.workers import list_workers, register_worker_batch
from labour_exchange_client.models import NewWorker, NewWorkerBatch, PageWorker, Problem, Receipts, RegionEntry, RowStatus

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from partner import Partner  # noqa: E402


def expect(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        sys.exit(f"{what}: expected {wanted!r}, got {got!r}")


def main(sandbox: str) -> None:
    origin = Partner.of_sandbox(sandbox, "origin")
    client = AuthenticatedClient(base_url=origin.url, token=origin.bearer(), headers={"Accept-Language": "zh-CN"})
    with client:
        region = get_region.sync("432621", client=client)
        assert isinstance(region, RegionEntry), region
        expect("successor of 432621", [successor.code for successor in region.successors], ["430523"])

        right = NewWorker(name="刘春", identity_number="43052319700411996X", hukou_code="430523", partner_ref="GEN-001")
        mistyped = NewWorker(name="陈建", identity_number="430523197004119979", hukou_code="430523", partner_ref="GEN-002")
        # A repetition of the same request needs the same key, so that nothing happens twice.
        key = str(uuid4())
        for _ in range(2):
            receipts = register_worker_batch.sync(
                client=client, body=NewWorkerBatch(rows=[right, mistyped]), idempotency_key=key
            )
            assert isinstance(receipts, Receipts), receipts
            refused = [row.status == RowStatus.REJECTED for row in receipts.results]
            expect("which rows are refused", refused, [False, True])
        page = list_workers.sync(client=client, partner_ref="GEN-001")
        assert isinstance(page, PageWorker), page
        expect("workers with our reference", [worker.partner_ref for worker in page.items], ["GEN-001"])

        answer = get_agreement.sync_detailed(UUID(int=0), client=client)
        assert isinstance(answer.parsed, Problem), answer
        expect("the refusal", (answer.status_code, answer.parsed.code), (404, "not_found"))
    print(f"Python: one person is registered, one was refused; an agreement that is not there: {answer.parsed.title}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
