"""Our webhooks beside the Python package `standardwebhooks`: it must take what we sign, and we must take what it signs.

    webhooks.py PROGRAM [--plant other-secret]

A receiver that checks with the package and nothing else is put before `certify`; then the package signs and `mock-partner` checks. With a
planted fault the receiver holds another secret, and the certification must not pass.
"""

import base64
import datetime
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request

from standardwebhooks import Webhook, WebhookVerificationError


def fresh_secret():
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    webhook = None
    events = []
    lock = threading.Lock()

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with self.lock:
            self.answer(200, json.dumps({"events": self.events}).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            self.webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
        except WebhookVerificationError:
            return self.answer(400)
        with self.lock:
            if (event := self.headers["webhook-id"]) not in self.events:
                self.events.append(event)
        return self.answer(204)

    def log_message(self, *_):
        pass


def certified(program, planted):
    secret = fresh_secret()
    Receiver.webhook = Webhook(fresh_secret() if planted else secret)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    told = subprocess.run([program, "certify", f"{url}/hooks", "--secret", secret, "--state-url", f"{url}/state", "--json"],
                          capture_output=True, text=True, check=False)
    report = json.loads(told.stdout)
    wrong = [check["name"] for check in report["checks"] if check["verdict"] != "passed"]
    print(f"certify: {report['passed']} met, not met: {wrong}")
    return told.returncode == 0 and not wrong


def status_of(url, body, headers):
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json", **headers})
    try:
        return urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as refused:
        return refused.code


def taken_by_us(program):
    secret = fresh_secret()
    partner = subprocess.Popen([program, "mock-partner", "--listen", "127.0.0.1:0", "--secret", secret], stdout=subprocess.PIPE, text=True)
    try:
        url = partner.stdout.readline().strip().removeprefix("listening on ")
        event = {"id": "evt-1", "chain_id": "a", "sequence": 1, "position": 1, "type": "dispatch.departed", "data": {}}
        body, now = json.dumps(event), datetime.datetime.now(datetime.timezone.utc)
        headers = {"webhook-id": "evt-1", "webhook-timestamp": str(int(now.timestamp())),
                   "webhook-signature": Webhook(secret).sign("evt-1", now, body)}
        taken = status_of(url, body.encode(), headers)
        changed = status_of(url, body.encode() + b" ", headers)
        print(f"mock-partner: what the package signed {taken}, the same changed {changed}")
        return taken == 200 and changed == 400
    finally:
        partner.kill()


program, *more = sys.argv[1:]
planted = more == ["--plant", "other-secret"]
fine = certified(program, planted) and taken_by_us(program)
print("webhooks: as the package has it" if fine else "webhooks: NOT as the package has it")
sys.exit(0 if fine else 1)
