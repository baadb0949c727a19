"""Receipts: what a student can hold against "it was never submitted"."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from functions.domain.submission import Submission

VERSION = "rc1"


@dataclass(frozen=True)
class Receipt:
    """What a receipt says: that the code with this SHA-256 (hex) was recorded then, under this id."""

    recorded_at: datetime
    submission_id: str
    code_sha256: str


def receipt_for(submission: Submission, key: str) -> str:
    """One string: version, time, id, SHA-256 of the code, and a keyed hash of these. The same for each repeat."""
    code = hashlib.sha256(submission.code.encode()).hexdigest()
    stated = f"{VERSION}.{submission.created_at:%Y%m%dT%H%M%S%fZ}.{submission.submission_id}.{code}"
    return f"{stated}.{_keyed(stated, key)}"


def read(receipt: str, key: str) -> Receipt | None:
    """What the receipt says; None where this key did not make it."""
    stated, _, mac = receipt.strip().rpartition(".")
    parts = stated.split(".")
    if (
        not hmac.compare_digest(mac.encode(errors="replace"), _keyed(stated, key).encode())
        or len(parts) != 4
        or parts[0] != VERSION
    ):
        return None
    recorded_at = datetime.strptime(f"{parts[1]}+0000", "%Y%m%dT%H%M%S%fZ%z")
    return Receipt(recorded_at, submission_id=parts[2], code_sha256=parts[3])


def _keyed(stated: str, key: str) -> str:
    return hmac.new(key.encode(), stated.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
