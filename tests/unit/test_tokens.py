"""Bearer tokens: who is accepted, and everything that is not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from functions.ports import InvalidToken, Unavailable
from infra.local import processes
from infra.tokens import JWTVerifier, ServiceAccountVerifier

SECRET = "s" * 48
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@pytest.fixture(scope="module")
def jwks_url() -> Iterator[str]:
    """A server that publishes an RSA and an EC key, as identity providers do."""
    keys = [
        json.loads(RSAAlgorithm.to_jwk(RSA_KEY.public_key())) | {"kid": "rsa"},
        json.loads(ECAlgorithm.to_jwk(EC_KEY.public_key())) | {"kid": "ec"},
    ]

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": keys}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jwks"
    server.shutdown()
    server.server_close()


def claims(**changes: object) -> dict[str, Any]:
    now = int(time.time())
    given = {"sub": "alice", "iss": "us", "aud": "run-code", "iat": now, "exp": now + 60} | changes
    return {name: value for name, value in given.items() if value is not None}


def verifier(**changes: Any) -> JWTVerifier:
    given = {"jwks_url": None, "secret": SECRET, "issuer": "us", "audience": "run-code", "role_claim": "role"}
    return JWTVerifier(**(given | changes))


def hs256(secret: str = SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm="HS256")


def test_a_student_and_an_instructor_are_told_apart_by_the_role_claim() -> None:
    assert verifier().verify(hs256()).staff is False
    assert verifier().verify(hs256(role="authenticated")).staff is False
    assert verifier().verify(hs256(role="instructor")).staff is True
    assert verifier(role_claim="kind").verify(hs256(role="instructor")).staff is False
    assert verifier(role_claim="kind").verify(hs256(kind="instructor")).staff is True


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 7},  # past the leeway of 5 s
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"aud": "another"},
        {"aud": None},
        {"iss": "another"},
        {"iss": None},
        {"nbf": int(time.time()) + 36_000, "exp": int(time.time()) + 72_000},
        {"role": "anon"},
        {"role": "service_role"},
    ],
)
def test_a_token_that_proves_nothing_here_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(hs256(**changes))


def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    assert verifier().verify(hs256(exp=int(time.time()) - 2)).subject == "alice"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", hs256()[:-4] + "AAAA", hs256(secret="t" * 48)])
def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(token)


def test_the_algorithm_is_ours_to_choose_and_not_the_tokens(jwks_url: str) -> None:
    unsigned = jwt.encode(claims(), "", algorithm="none")
    with pytest.raises(InvalidToken):
        verifier().verify(unsigned)
    by_keys = verifier(jwks_url=jwks_url, secret=None)
    header = jwt.utils.base64url_encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "rsa"}).encode())
    payload = jwt.utils.base64url_encode(json.dumps(claims()).encode())
    signed = header + b"." + payload
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    forged = signed + b"." + jwt.utils.base64url_encode(mac.sign(signed, RSA_PUBLIC_PEM))
    for token in (forged.decode(), unsigned, hs256()):
        with pytest.raises(InvalidToken):
            by_keys.verify(token)


def test_published_keys_verify_what_they_signed_and_nothing_else(jwks_url: str) -> None:
    by_keys = verifier(jwks_url=jwks_url, secret=None)
    for key, algorithm, kid in ((RSA_KEY, "RS256", "rsa"), (EC_KEY, "ES256", "ec")):
        token = jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": kid})
        assert by_keys.verify(token).subject == "alice"
    for kid in ("rsa", "unknown"):
        with pytest.raises(InvalidToken):
            by_keys.verify(jwt.encode(claims(), OTHER_RSA_KEY, algorithm="RS256", headers={"kid": kid}))


def test_with_the_keys_out_of_reach_nobody_is_blamed() -> None:
    by_keys = verifier(jwks_url=f"http://127.0.0.1:{processes.free_port()}/", secret=None)
    with pytest.raises(Unavailable):
        by_keys.verify(jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"}))


def test_only_our_service_account_may_call_the_handler(jwks_url: str) -> None:
    machine = ServiceAccountVerifier(audience="https://handler", email="tasks@x", jwks_url=jwks_url)

    def token(**changes: object) -> str:
        given = {"iss": "https://accounts.google.com", "aud": "https://handler", "email": "tasks@x"}
        verified = claims(**(given | {"email_verified": True} | changes))
        return jwt.encode(verified, RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})

    machine.verify(token())
    for changes in (
        {"email": "other@x"},
        {"email_verified": False},
        {"email_verified": None},
        {"aud": "https://other"},
        {"iss": "https://evil"},
    ):
        with pytest.raises(InvalidToken):
            machine.verify(token(**changes))
    with pytest.raises(InvalidToken):
        machine.verify(hs256())
