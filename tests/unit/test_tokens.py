"""Bearer tokens: who is accepted, and everything that is not."""

from __future__ import annotations

import json
import threading
import time
import types
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import hypothesis
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import assume, given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from functions.ports import Caller, InvalidToken, Unavailable
from infra import bootstrap, settings
from infra.local import processes
from infra.tokens import FIREBASE_KEYS, PAUSE_SECONDS, JWTVerifier, ServiceAccountVerifier

SECRET = "s" * 48
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@dataclass
class Published:
    """A server that publishes an RSA and an EC key, as identity providers do; what it sends can be changed."""

    url: str
    keys: list[dict[str, Any]]
    body: bytes | None = None
    """Sent instead of the keys."""
    hanging: threading.Event | None = None
    """Nothing is sent before this is set."""
    asked: int = 0


@pytest.fixture
def published() -> Iterator[Published]:
    found = Published("", [public(RSA_KEY, "rsa"), public(EC_KEY, "ec")])

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked += 1
            if found.hanging is not None:
                found.hanging.wait(30)
            body = json.dumps({"keys": found.keys}).encode() if found.body is None else found.body
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/jwks"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def jwks_url(published: Published) -> str:
    return published.url


def public(key: Any, kid: str) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    shown: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return shown | {"kid": kid, "use": "sig"}


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
        {"exp": int(time.time()) - 6},  # a second past the leeway of 5 s
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 257},
        {"sub": "\ud800"},
        {"aud": "another"},
        {"aud": None},
        {"iss": "another"},
        {"iss": None},
        {"nbf": int(time.time()) + 36_000, "exp": int(time.time()) + 72_000},
        {"iat": int(time.time()) + 36_000, "exp": int(time.time()) + 72_000},
        {"aud": ["another", "third"]},
        {"role": "anon"},
        {"role": "service_role"},
    ],
)
def test_a_token_that_proves_nothing_here_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(hs256(**changes))


def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    assert verifier().verify(hs256(exp=int(time.time()) - 2)).subject == "alice"
    assert verifier().verify(hs256(nbf=int(time.time()) + 2)).subject == "alice"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", hs256()[:-4] + "AAAA", hs256(secret="t" * 48)])
def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(token)


def test_a_signature_is_spelled_in_one_way_only() -> None:
    token = hs256()
    for other in (f"{token}=", f"{token[:-2]}!!!!{token[-2:]}", f"{token}\n", f"{token[:-1]}!{token[-1:]}==="):
        with pytest.raises(InvalidToken):
            verifier().verify(other)


def test_past_the_leeway_of_five_seconds_it_has_expired() -> None:
    with pytest.raises(InvalidToken, match="expired"):
        verifier().verify(hs256(exp=int(time.time()) - 5))


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


def test_a_key_that_was_rotated_is_known_and_the_old_one_forgotten(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("infra.tokens.time", types.SimpleNamespace(monotonic=lambda: now))
    by_keys = verifier(jwks_url=published.url, secret=None)
    old = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    new = jwt.encode(claims(), OTHER_RSA_KEY, algorithm="RS256", headers={"kid": "next"})
    assert by_keys.verify(old).subject == "alice"
    published.keys = [public(OTHER_RSA_KEY, "next")]
    now += 31
    assert by_keys.verify(new).subject == "alice"
    with pytest.raises(InvalidToken):
        by_keys.verify(old)


def test_a_token_is_verified_once_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    by_secret, good, expired = verifier(), hs256(exp=now + 600), hs256(exp=now - 1)  # within the leeway
    assert {by_secret.verify(token).subject for token in (good, expired)} == {"alice"}

    def refuse(*_: object) -> None:
        raise InvalidToken("verified again")

    monkeypatch.setattr("infra.tokens._claims", refuse)
    assert by_secret.verify(good).subject == "alice"
    for other in (expired, f"{good}A", good[:-1], hs256(exp=now + 600, sub="bob")):
        with pytest.raises(InvalidToken, match="verified again"):
            by_secret.verify(other)


def test_so_many_tokens_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.tokens.MOST_VERIFIED", 2)
    by_secret = verifier()
    first, *others = [hs256(sub=name) for name in ("alice", "bob", "carol")]
    for token in (first, *others):
        by_secret.verify(token)
    monkeypatch.setattr("infra.tokens._claims", lambda *_: {"sub": "verified again", "exp": 0})
    assert [by_secret.verify(token).subject for token in others] == ["bob", "carol"]
    assert by_secret.verify(first).subject == "verified again"


def test_tokens_of_unknown_keys_do_not_make_us_ask_each_time(published: Published) -> None:
    by_keys = verifier(jwks_url=published.url, secret=None)
    good = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    for number in range(50):
        with pytest.raises(InvalidToken):
            by_keys.verify(jwt.encode(claims(), OTHER_RSA_KEY, algorithm="RS256", headers={"kid": f"k{number}"}))
        assert by_keys.verify(good).subject == "alice"
    assert published.asked == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"keys": []}', b'{"keys": 5}', b'{"keys": [5]}'])
def test_a_source_of_keys_that_sends_no_keys_is_away_and_the_token_is_not_blamed(
    published: Published, body: bytes
) -> None:
    published.body = body
    token = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    with pytest.raises(Unavailable):
        verifier(jwks_url=published.url, secret=None).verify(token)


def test_while_the_source_of_keys_hangs_known_keys_go_on_and_one_request_waits(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("infra.tokens.FETCH_SECONDS", 600.0)
    by_keys = verifier(jwks_url=published.url, secret=None)
    good = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    unknown = jwt.encode(claims(), OTHER_RSA_KEY, algorithm="RS256", headers={"kid": "unknown"})
    with monkeypatch.context() as patch:
        patch.setattr("infra.tokens.time", types.SimpleNamespace(monotonic=lambda: now))
        by_keys.verify(good)
        now += 31
        published.hanging = threading.Event()

        def ask() -> None:
            with suppress(InvalidToken):
                by_keys.verify(unknown)

        asking = threading.Thread(target=ask)
        asking.start()
        while published.asked < 2:
            time.sleep(0.01)
        for _ in range(20):
            assert by_keys.verify(good).subject == "alice"
            with pytest.raises(InvalidToken):
                by_keys.verify(unknown)
        assert asking.is_alive()
        published.hanging.set()
        asking.join()
        assert published.asked == 2


def test_keys_that_were_read_outlive_an_outage_of_their_source(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    by_keys = verifier(jwks_url=published.url, secret=None)
    good = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    monkeypatch.setattr("infra.tokens.time", types.SimpleNamespace(monotonic=lambda: now))
    by_keys.verify(good)
    published.body = b"<html>"
    now += 4000
    for _ in range(5):
        assert by_keys.verify(good).subject == "alice"
    assert published.asked == 2


def test_a_published_secret_key_signs_nothing(published: Published) -> None:
    """A set that holds a symmetric key must not open the door to whoever can read the set."""
    encoded = jwt.utils.base64url_encode(SECRET.encode()).decode()
    published.keys.append({"kty": "oct", "kid": "shared", "k": encoded, "alg": "HS256", "use": "sig"})
    with pytest.raises(InvalidToken):
        verifier(jwks_url=published.url, secret=None).verify(
            jwt.encode(claims(), SECRET, algorithm="HS256", headers={"kid": "shared"})
        )


def test_firebase_needs_two_settings(published: Published) -> None:
    """Tokens as Firebase Auth and Identity Platform make them; only the address of the keys is another here."""
    config = settings.read({"AUTH_JWKS_URL": FIREBASE_KEYS, "AUTH_AUDIENCE": "my-exams"})
    assert config.auth_issuer == "https://securetoken.google.com/my-exams"
    with pytest.raises(settings.SettingsError, match="AUTH_AUDIENCE"):
        settings.read({"AUTH_JWKS_URL": FIREBASE_KEYS})
    firebase = JWTVerifier(
        jwks_url=published.url,
        secret=None,
        issuer=config.auth_issuer,
        audience=config.auth_audience,
        role_claim=config.auth_role_claim,
    )

    def token(project: str = "my-exams", **changes: object) -> str:
        now = int(time.time())
        given = {
            "iss": f"https://securetoken.google.com/{project}",
            "aud": project,
            "auth_time": now - 10,
            "user_id": "Xk3",
            "sub": "Xk3",
            "iat": now - 10,
            "exp": now + 3590,
            "email": "carol@example.org",
            "email_verified": True,
            "firebase": {"identities": {"email": ["carol@example.org"]}, "sign_in_provider": "password"},
        }
        return jwt.encode(given | changes, RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})

    assert firebase.verify(token()) == Caller("Xk3", staff=False)
    assert firebase.verify(token(role="instructor")) == Caller("Xk3", staff=True)  # a custom claim
    for other in (token("other-project"), token(iss="https://securetoken.google.com/other"), token(aud="other")):
        with pytest.raises(InvalidToken):
            firebase.verify(other)


ORIGINALS = {
    "HS256": hs256(exp=int(time.time()) + 86_400),
    "RS256": jwt.encode(claims(exp=int(time.time()) + 86_400), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"}),
    "ES256": jwt.encode(claims(exp=int(time.time()) + 86_400), EC_KEY, algorithm="ES256", headers={"kid": "ec"}),
}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/.! \n\0é"
ALGORITHMS = ["none", "None", "HS256", "HS384", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA", "", None]
OTHER_EC_KEY = ec.generate_private_key(ec.SECP256R1())


def encoded(part: object) -> str:
    return jwt.utils.base64url_encode(json.dumps(part).encode()).decode()


def decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(jwt.utils.base64url_decode(part))
    return found


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str]:
    """A token of ours that was tampered with, and the algorithm of the original."""
    kind = draw(st.sampled_from(sorted(ORIGINALS)))
    token = ORIGINALS[kind]
    header, payload, signature = token.split(".")
    way = draw(st.sampled_from(["edit", "cut", "insert", "claims", "header", "swap", "resign"]))
    if way == "edit":
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(0, len(token) - 1))
            token = token[:at] + draw(st.sampled_from(ALPHABET)) + token[at + 1 :]
    elif way == "cut":
        begin = draw(st.integers(0, len(token) - 1))
        token = token[:begin] + token[draw(st.integers(begin + 1, len(token))) :]
    elif way == "insert":
        at = draw(st.integers(0, len(token)))
        token = token[:at] + draw(st.text(ALPHABET, min_size=1, max_size=3)) + token[at:]
    elif way == "claims":
        changes = {
            draw(st.sampled_from(["sub", "role", "exp", "aud", "iss", "x"])): draw(st.text(max_size=5) | st.none())
        }
        token = f"{header}.{encoded(decoded(payload) | changes)}.{signature}"
    elif way == "header":
        named = draw(st.sampled_from(["alg", "kid", "jku", "jwk", "x5u", "crit", "typ", "zip", "b64"]))
        values: list[object] = [*ALGORITHMS, "ec", "rsa", [], {}, ["b64"], "http://127.0.0.1:1/", False, 5]
        value = draw(st.sampled_from(values))
        token = f"{encoded(decoded(header) | {named: value})}.{payload}.{draw(st.sampled_from([signature, '']))}"
    elif way == "swap":
        other = ORIGINALS[draw(st.sampled_from(sorted(ORIGINALS)))].split(".")
        parts = [draw(st.sampled_from([mine, theirs])) for mine, theirs in zip(token.split("."), other, strict=True)]
        token = ".".join(parts)
    else:
        token = draw(resigned(decoded(header), payload))
    return token, kind


@st.composite
def resigned(draw: st.DrawFn, header: dict[str, Any], payload: str) -> str:
    """By a key that anybody could have: another one of the same kind, or ours that is public, used as a secret."""
    secrets = [
        RSA_PUBLIC_PEM,
        RSA_PUBLIC_PEM.strip(),
        json.dumps(public(RSA_KEY, "rsa")).encode(),
        b"",
        b"run-code",
        b"rsa",
    ]
    algorithm = draw(st.sampled_from(["HS256", "HS384", "HS512", "RS256", "ES256"]))
    signed = f"{encoded(header | {'alg': algorithm})}.{payload}"
    algorithms = jwt.algorithms.get_default_algorithms()
    if algorithm.startswith("HS"):
        mac = algorithms[algorithm].sign(signed.encode(), draw(st.sampled_from(secrets)))
    else:
        key = OTHER_RSA_KEY if algorithm == "RS256" else OTHER_EC_KEY
        mac = algorithms[algorithm].sign(signed.encode(), key)
    return f"{signed}.{jwt.utils.base64url_encode(mac).decode()}"


def test_none_of_five_thousand_tampered_tokens_is_accepted(published: Published) -> None:
    by_keys = verifier(jwks_url=published.url, secret=None)
    verifiers = {"HS256": verifier(), "RS256": by_keys, "ES256": by_keys}
    for kind, token in ORIGINALS.items():
        assert verifiers[kind].verify(token).subject == "alice"
    tried = 0

    @hypothesis.settings(max_examples=5_500, deadline=None, database=None)
    @given(mutations())
    def refused(mutation: tuple[str, str]) -> None:
        nonlocal tried
        token, kind = mutation
        assume(token not in ORIGINALS.values())
        tried += 1
        for each in (verifiers[kind], by_keys):
            with pytest.raises(InvalidToken):
                each.verify(token)

    begun = time.monotonic()
    refused()
    assert tried >= 5_000
    assert published.asked <= 2 + (time.monotonic() - begun) / PAUSE_SECONDS


def of_cloud_tasks(**changes: object) -> str:
    given = {"iss": "https://accounts.google.com", "aud": "https://handler", "email": "tasks@x", "email_verified": True}
    return jwt.encode(claims(**(given | changes)), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})


def without_signature(token: str) -> str:
    """As Cloud Run passes on a token that it has checked."""
    return token.rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"


ANOTHERS: list[dict[str, object]] = [
    {"email": "other@x"},
    {"email": None},
    {"email_verified": False},
    {"email_verified": None},
    {"aud": "https://other"},
    {"aud": None},
    {"iss": "https://evil"},
    {"iss": None},
    {"sub": None},
    {"exp": None},
    {"exp": int(time.time()) - 6},
]


@pytest.mark.parametrize("deployed", [False, True])
def test_only_our_service_account_may_call_the_handler(jwks_url: str, deployed: bool) -> None:
    machine = ServiceAccountVerifier(
        audience="https://handler", email="tasks@x", jwks_url=jwks_url, checked_by_platform=deployed
    )
    machine.verify(of_cloud_tasks())
    forged = of_cloud_tasks().rpartition(".")[0] + "." + of_cloud_tasks(iat=1).rpartition(".")[2]
    for token in (*(of_cloud_tasks(**changes) for changes in ANOTHERS), hs256(), forged):
        with pytest.raises(InvalidToken):
            machine.verify(token)


def deployed_verifier(monkeypatch: pytest.MonkeyPatch, jwks_url: str, **more: str) -> ServiceAccountVerifier:
    given = {"HANDLER_URL": "https://handler", "TASKS_SERVICE_ACCOUNT": "tasks@x", "TASKS_JWKS_URL": jwks_url}
    monkeypatch.setattr(bootstrap, "configuration", lambda: settings.read(given | more))
    found: ServiceAccountVerifier = bootstrap.handler_verifier.__wrapped__()
    return found


def test_a_token_whose_signature_cloud_run_took_off_counts_on_google_cloud_alone(
    jwks_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = without_signature(of_cloud_tasks())
    assert deployed_verifier(monkeypatch, jwks_url, K_SERVICE="judge-submission").verify(token).subject == "tasks@x"
    with pytest.raises(InvalidToken):
        deployed_verifier(monkeypatch, jwks_url).verify(token)


@pytest.mark.parametrize("changes", ANOTHERS)
def test_without_its_signature_all_else_in_a_token_is_checked_as_ever(
    jwks_url: str, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    machine = deployed_verifier(monkeypatch, jwks_url, K_SERVICE="judge-submission")
    with pytest.raises(InvalidToken):
        machine.verify(without_signature(of_cloud_tasks(**changes)))


@pytest.mark.parametrize("token", [".SIGNATURE_REMOVED_BY_GOOGLE", "a.b.SIGNATURE_REMOVED_BY_GOOGLE"])
def test_what_only_ends_like_a_checked_token_is_refused(
    jwks_url: str, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    with pytest.raises(InvalidToken):
        deployed_verifier(monkeypatch, jwks_url, K_SERVICE="judge-submission").verify(token)


def test_a_student_never_comes_in_without_a_signature(jwks_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K_SERVICE", "run-code")
    by_keys = verifier(jwks_url=jwks_url, secret=None)
    signed = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    assert by_keys.verify(signed).subject == "alice"
    for each, token in ((by_keys, signed), (verifier(), hs256())):
        with pytest.raises(InvalidToken):
            each.verify(without_signature(token))


def test_handler_and_sweep_each_take_a_token_for_their_own_address_from_their_own_caller(
    jwks_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = {
        "HANDLER_URL": "https://handler",
        "TASKS_SERVICE_ACCOUNT": "tasks@x",
        "SWEEP_URL": "https://sweep",
        "SCHEDULER_SERVICE_ACCOUNT": "scheduler@x",
        "TASKS_JWKS_URL": jwks_url,
    }
    monkeypatch.setattr(bootstrap, "configuration", lambda: settings.read(deployed))
    given = {"iss": "https://accounts.google.com", "email_verified": True}
    of_tasks, of_scheduler = (
        jwt.encode(claims(**given, aud=url, email=email), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
        for url, email in (("https://handler", "tasks@x"), ("https://sweep", "scheduler@x"))
    )
    handler, sweep = bootstrap.handler_verifier.__wrapped__(), bootstrap.sweep_verifier.__wrapped__()
    handler.verify(of_tasks)
    sweep.verify(of_scheduler)
    for verifier, token in ((handler, of_scheduler), (sweep, of_tasks)):
        with pytest.raises(InvalidToken):
            verifier.verify(token)
