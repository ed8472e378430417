#!/usr/bin/env python3
"""A partner's client of the labour exchange, in one file. 劳务协作履约对账平台的伙伴客户端示例。

It does what every partner system has to do, and nothing else:

- gets a token with a signed assertion (private_key_jwt) and a new one before it runs out
- sends each POST with an Idempotency-Key and repeats it under the same key, so that nothing happens twice
- waits on 429 and 503 as long as Retry-After says, and a little longer by chance, so that clients do not come back all at once
- walks lists by their cursor, reads the receipt of each row, follows a job to its end, reads the event feed by `after`

As a module:

    from partner import Partner
    origin = Partner.of_sandbox("sandbox/sandbox.json", "origin")
    for agreement in origin.walk("/v1/agreements"): print(agreement["number"])

As a script, here for a sandbox; elsewhere --url, --client and --key take the place of --sandbox and --as:

    partner.py --sandbox sandbox/sandbox.json --as origin get /v1/agreements
    partner.py … walk /v1/agreements                     # every page, one thing a line
    partner.py … post /v1/agreements draft.json          # a file, or - for standard input; none sends {}
    partner.py … rows /v1/worker-batches people.csv      # .json, .ndjson or .csv; --dry-run writes nothing
    partner.py … job /v1/worker-batches people.csv --rejected mend.csv
    partner.py … events --after 0 [--follow]

Exit code: 0 done, 1 a problem, 2 done but some rows were rejected. Needs Python 3.11, requests and PyJWT[crypto].
"""

import argparse
import json
import random
import sys
import time
import uuid
from pathlib import Path

import jwt
import requests

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CONTENT_TYPES = {".csv": "text/csv", ".ndjson": "application/x-ndjson", ".json": "application/json"}
TRIES_MAX = 6
BACK_OFF_MAX_S = 60
CALL_ROWS_MAX = 5_000
OVER = {"succeeded", "failed", "cancelled"}


class Problem(Exception):
    """What the exchange refused. Branch on `code`; `title` and `detail` are for people and follow the language."""

    def __init__(self, status, body):
        self.status, self.body = status, body
        self.code = body.get("code") or body.get("error") or f"http_{status}"
        self.errors = body.get("errors", [])
        text = [f"{status} {self.code}: {body.get('title', '')} {body.get('detail', body.get('error_description', ''))}"]
        text += [f"  {place(fault)}: {fault['code']}: {fault['detail']}" for fault in self.errors]
        if body.get("instance"):
            text.append(f"  {body['instance']}")  # the operator finds the request by it
        super().__init__("\n".join(text))


def place(fault):
    """Where a fault lies: a pointer into the body, or the name of a parameter."""
    return fault.get("pointer") or f"{fault.get('in')} {fault.get('name')}"


def problem_of(answer):
    try:
        body = answer.json()
    except ValueError:
        body = {"title": answer.reason}  # a proxy on the way speaks no JSON
    return Problem(answer.status_code, body if isinstance(body, dict) else {"title": str(body)})


class Partner:
    """One client of one party."""

    def __init__(self, url, client_id, private_jwk, language="zh-CN"):
        self.url, self.client_id = url.rstrip("/"), client_id
        self.key_id, self.key = private_jwk.get("kid"), jwt.PyJWK(private_jwk)
        self.session = requests.Session()
        self.session.headers["Accept-Language"] = language
        self.server = self.token = None
        self.token_ends = 0.0

    @classmethod
    def of_key_file(cls, url, client_id, file, **more):
        return cls(url, client_id, json.loads(Path(file).read_text("utf-8")), **more)

    @classmethod
    def of_sandbox(cls, file, name, **more):
        """One of the partners whom `labour-exchange sandbox` makes: operator, origin, destination or employer."""
        told = json.loads(Path(file).read_text("utf-8"))
        partner = told["partners"][name]
        # The file names its keys as the server's working directory sees them; they lie beside it.
        key_file = Path(file).parent / Path(partner["private_key"]).name
        client = cls.of_key_file(told["url"], partner["client_id"], key_file, **more)
        client.party_id, client.name = partner["party_id"], partner["name"]
        return client

    # Requests and their repetition.

    def attempts(self, send):
        """Calls `send` until it brings an answer that is no wish for patience; the last refusal is raised."""
        for attempt in range(1, TRIES_MAX + 1):
            try:
                answer = send()
            except (requests.ConnectionError, requests.Timeout):
                # Whether the request arrived is not known. Under the same Idempotency-Key that does not matter.
                if attempt == TRIES_MAX:
                    raise
                self.pause(attempt, None)
                continue
            in_use = answer.status_code == 409 and problem_of(answer).code == "idempotency_key_in_use"
            if attempt == TRIES_MAX or not (answer.status_code in (429, 503) or in_use):
                return answer
            self.pause(attempt, answer.headers.get("Retry-After"))

    @staticmethod
    def pause(attempt, retry_after):
        """Never less than the exchange asks for; chance on top."""
        least = int(retry_after) if retry_after and retry_after.isdigit() else 0
        time.sleep(least + random.uniform(0, min(BACK_OFF_MAX_S, 0.5 * 2**attempt)))

    def discover(self):
        """The metadata of the authorization server (RFC 8414): the issuer, and where tokens are."""
        if self.server is None:
            address = f"{self.url}/.well-known/oauth-authorization-server"
            answer = self.attempts(lambda: self.session.get(address, timeout=20))
            if not answer.ok:
                raise problem_of(answer)
            self.server = answer.json()
        return self.server

    def assertion(self):
        """Signed anew for each request: it counts once (`jti`), for a minute, for this issuer alone (`aud`)."""
        now = int(time.time())
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": self.discover()["issuer"]}
        claims |= {"iat": now, "exp": now + 60, "jti": str(uuid.uuid4())}
        # PyJWT would write `typ: JWT`, which is refused: an assertion is of a type of its own (RFC 10070), or of none.
        headers = {"typ": "client-authentication+jwt"} | ({"kid": self.key_id} if self.key_id else {})
        return jwt.encode(claims, self.key, algorithm=self.key.algorithm_name, headers=headers)

    def bearer(self):
        """A token that is good for half a minute at least."""
        if time.monotonic() > self.token_ends - 30:
            form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
            address = self.discover()["token_endpoint"]
            send = lambda: self.session.post(address, data=form | {"client_assertion": self.assertion()}, timeout=20)
            answer = self.attempts(send)
            if not answer.ok:
                raise problem_of(answer)
            granted = answer.json()
            self.token, self.token_ends = granted["access_token"], time.monotonic() + granted["expires_in"]
        return self.token

    def request(self, method, path, *, params=None, body=None, content_type="application/json", headers=None):
        """Sends a request and gives the answer below 400. `body` is JSON, bytes, or a file open for reading bytes."""
        headers = dict(headers or {})
        if method == "POST":
            # Made once, before the first attempt: a repetition must have the same key.
            headers.setdefault("Idempotency-Key", str(uuid.uuid4()))
        if body is not None:
            headers["Content-Type"] = content_type
            if not isinstance(body, bytes) and not hasattr(body, "read"):
                body = json.dumps(body, ensure_ascii=False).encode()

        def send():
            if hasattr(body, "seek"):
                body.seek(0)
            bearer = {"Authorization": f"Bearer {self.bearer()}"}
            address = path if path.startswith("http") else self.url + path
            return self.session.request(
                method, address, params=params, data=body, headers=headers | bearer, timeout=(10, 120)
            )

        answer = self.attempts(send)
        if answer.status_code == 401:
            # The token was good by our clock; the exchange may have changed its keys. One new token, one more try.
            self.token_ends = 0.0
            answer = self.attempts(send)
        if answer.status_code >= 400:
            raise problem_of(answer)
        return answer

    def get(self, path, **params):
        return self.request("GET", path, params=params).json()

    def post(self, path, body=None, **options):
        return self.request("POST", path, body={} if body is None else body, **options).json()

    # Lists, rows, jobs, events.

    def walk(self, path, **params):
        """Everything in a list, page after page. The cursor is opaque and belongs to these very parameters."""
        while True:
            page = self.get(path, **params)
            yield from page["items"]
            if not page.get("next_cursor"):
                return
            params["cursor"] = page["next_cursor"]

    def rows(self, path, rows, *, content_type="application/json", validate_only=False, atomic=False):
        """Up to 5,000 rows in one call. A rejected row does not stop the others: look at the receipts."""
        body = {"rows": rows} if isinstance(rows, list) else rows
        wanted = {"validate_only": validate_only, "atomic": atomic}
        params = {name: "true" for name, value in wanted.items() if value}
        answer = self.request("POST", path, params=params, body=body, content_type=content_type)
        if answer.status_code == 202:  # a longer file becomes a job by itself
            job = self.follow(answer.json())
            results = list(self.walk(f"/v1/jobs/{job['id']}/results", limit=200))
            counts = {name: job[f"{name}_rows"] for name in ("accepted", "unchanged", "rejected")}
            return counts | {"applied": True, "skipped": 0, "results": results}
        return answer.json()

    def start_job(self, path, file, content_type):
        """Hands a file over as a job; the answer comes as soon as the file has arrived."""
        answer = self.request("POST", path, body=file, content_type=content_type, headers={"Prefer": "respond-async"})
        return answer.json()

    def follow(self, job, tell=None):
        """Asks for a job until it is over. It goes on without us; ask for it again by its id whenever you like."""
        while job["state"] not in OVER:
            answer = self.request("GET", f"/v1/jobs/{job['id']}")
            job = answer.json()
            if tell:
                tell(job)
            if job["state"] not in OVER:
                time.sleep(int(answer.headers.get("Retry-After", 1)) + random.uniform(0, 0.5))
        if job["state"] == "failed":
            raise Problem(200, job.get("error") or {"code": "job_failed"})
        return job

    def rejected_rows(self, job, after=0):
        """The rejected rows as a file to be mended and sent again: about 10,000 of those behind row `after`."""
        return self.request("GET", f"/v1/jobs/{job['id']}/rejected-rows", params={"after": after}).content

    def events(self, after=0, **params):
        """Everything that happened since, in the order in which it was committed. Keep `position` of the last one."""
        while True:
            page = self.get("/v1/events", after=after, **params)
            yield from page["items"]
            if page["next_after"] == after:
                return
            after = page["next_after"]

    def follow_events(self, after=0, pause_s=5, **params):
        """The same without an end. Store the position with what you made of the event, and go on from there."""
        while True:
            for event in self.events(after, **params):
                after = event["position"]
                yield event
            time.sleep(pause_s + random.uniform(0, 1))


def show(thing):
    print(json.dumps(thing, ensure_ascii=False), flush=True)


def read_body(name):
    """What a file holds, and its content type; - is JSON from standard input."""
    if name == "-":
        return sys.stdin.buffer.read(), "application/json"
    return Path(name).read_bytes(), CONTENT_TYPES.get(Path(name).suffix, "application/json")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sandbox", help="sandbox.json of a sandbox")
    parser.add_argument("--as", dest="name", default="origin", help="which of its partners")
    for name in ("--url", "--client", "--key"):
        parser.add_argument(name)
    parser.add_argument("--language", default="zh-CN", choices=("zh-CN", "en"))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("token")
    for name in ("get", "walk"):
        commands.add_parser(name).add_argument("path")
    for name in ("post", "rows", "job"):
        command = commands.add_parser(name)
        command.add_argument("path")
        command.add_argument("file", nargs="?" if name == "post" else None)
        if name == "rows":
            command.add_argument("--dry-run", action="store_true", help="write nothing")
            command.add_argument("--atomic", action="store_true", help="all rows or none")
        if name == "job":
            command.add_argument("--rejected", help="file for the rejected rows")
    events = commands.add_parser("events")
    events.add_argument("--after", type=int, default=0)
    events.add_argument("--types", help="kinds with commas between")
    events.add_argument("--follow", action="store_true")
    return parser.parse_args()


def run(partner, wanted):
    if wanted.command == "token":
        print(partner.bearer())
    elif wanted.command == "get":
        show(partner.get(wanted.path))
    elif wanted.command == "walk":
        for thing in partner.walk(wanted.path):
            show(thing)
    elif wanted.command == "post":
        body, content_type = read_body(wanted.file) if wanted.file else ({}, "application/json")
        show(partner.post(wanted.path, body, content_type=content_type))
    elif wanted.command == "events":
        more = {"types": wanted.types} if wanted.types else {}
        for event in (partner.follow_events if wanted.follow else partner.events)(wanted.after, **more):
            show(event)
    elif wanted.command == "rows":
        body, content_type = read_body(wanted.file)
        answer = partner.rows(
            wanted.path, body, content_type=content_type, validate_only=wanted.dry_run, atomic=wanted.atomic
        )
        for receipt in answer.pop("results"):
            show(receipt)
        show(answer)
        return 2 if answer["rejected"] else 0
    else:
        content_type = CONTENT_TYPES.get(Path(wanted.file).suffix, "application/json")
        with open(wanted.file, "rb") as file:
            job = partner.start_job(wanted.path, file, content_type)
        progress = lambda job: print(f"{job['state']}: {job['processed_rows']} / {job['row_count']}", file=sys.stderr)
        job = partner.follow(job, progress)
        for receipt in partner.walk(f"/v1/jobs/{job['id']}/results", status="rejected", limit=200):
            show(receipt)
        if job["rejected_rows"] and wanted.rejected:
            Path(wanted.rejected).write_bytes(partner.rejected_rows(job))
        show(job)
        return 2 if job["rejected_rows"] else 0
    return 0


def main():
    wanted = arguments()
    try:
        if wanted.sandbox:
            partner = Partner.of_sandbox(wanted.sandbox, wanted.name, language=wanted.language)
        elif wanted.url and wanted.client and wanted.key:
            partner = Partner.of_key_file(wanted.url, wanted.client, wanted.key, language=wanted.language)
        else:
            sys.exit("say --sandbox FILE --as NAME, or --url, --client and --key")
        return run(partner, wanted)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
