"""Receives notifications with Python's standard library: NOTIFY_SECRET=whsec_... PORT=8080 python3 receiver.py"""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["NOTIFY_SECRET"].removeprefix("whsec_"))
TOLERANCE_SECONDS = 300
# In production a table with a unique key, written in the same transaction as what `handle` does.
seen: set[str] = set()


def is_genuine(headers: dict[str, str], body: bytes) -> bool:
    message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdigit() or abs(time.time() - int(sent_at)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{sent_at}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest())
    # One signature for each secret, while secrets change over.
    versions = [one.partition(",") for one in headers.get("webhook-signature", "").split(" ")]
    return any(
        version == "v1" and hmac.compare_digest(signature.encode(), expected)
        for version, _, signature in versions
    )


def handle(notification: dict) -> None:
    """Returns soon, for there are 10 seconds to answer. To know more, read the link: this may be old news."""
    data = notification["data"]
    words = [notification["type"], *(data.get(name) for name in ("userId", "job", "state", "code"))]
    print(*filter(None, words), flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        genuine = is_genuine(headers, body)
        if genuine and headers["webhook-id"] not in seen:
            handle(json.loads(body))
            seen.add(headers["webhook-id"])
        self.send_response(204 if genuine else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver)
    print("ready", flush=True)
    server.serve_forever()
