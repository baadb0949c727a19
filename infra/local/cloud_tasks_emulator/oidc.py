"""The tokens that Cloud Tasks sends: signed with a key of our own, whose public half is published as a JWKS."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://accounts.google.com"
LIFETIME_SECONDS = 3600


class Signer:
    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        # its own for every key: who has fetched the keys of an earlier run sees that this one is not among them
        self._key_id = hashlib.sha256(public).hexdigest()[:40]

    def token(self, email: str, audience: str) -> str:
        """As Google's: the audience is the handler's URL unless the task says otherwise."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": email,
            "azp": email,
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})

    def jwks(self) -> dict[str, Any]:
        public = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [public | {"kid": self._key_id, "use": "sig", "alg": "RS256"}]}


def load_or_make(path: Path | None) -> Signer:
    """The key in ``path``, made there (mode 0600) where it is missing; without a path a key for this process.

    Two processes may come here at once: both get the same key. Raises OSError, and ValueError where the file holds
    no RSA key.
    """
    if path is None:
        return Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    if not path.exists():
        _make(path)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the file holds no RSA key")
    return Signer(key)


def _make(path: Path) -> None:
    """Written aside and put in place at once, so that nobody reads half a key; the first one stays."""
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        os.unlink(aside)
