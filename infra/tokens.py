"""Bearer tokens: students' and staff's JWTs, and the OIDC tokens of Cloud Tasks and Cloud Scheduler."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from functions.logs import log
from functions.ports import Caller, InvalidToken, Unavailable

LEEWAY_SECONDS = 5
GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
FIREBASE_KEYS = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
"""Firebase Auth's and Identity Platform's."""
FIREBASE_SIGNER = "securetoken@system.gserviceaccount.com"
"""In every address of these keys, which sign for the projects of everybody."""
GOOGLE_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
SIGNATURE_REMOVED = ".SIGNATURE_REMOVED_BY_GOOGLE"
"""How a token ends that Cloud Run has checked: so nobody who reads it there can use it elsewhere."""
FETCH_SECONDS = 5.0
KEPT_SECONDS = 3600.0
PAUSE_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 1.0
MOST_SUBJECT_CHARACTERS = 256
MOST_VERIFIED = 4096
"""Tokens of which is remembered that they were verified: most requests are polls."""
REFUSED_ROLES = ("anon", "service_role")
"""Supabase's keys for programs: neither is a person."""


def is_firebase(jwks_url: str) -> bool:
    return FIREBASE_SIGNER in jwks_url


class _Published:
    """A published set of keys, kept for KEPT_SECONDS, and longer where it cannot be read anew.

    A token of an unknown key has it read anew, at most every PAUSE_SECONDS and by one request, while the others go on
    with the keys that are known: a key that was rotated is soon known, and nobody can keep others out by asking.
    """

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_SECONDS)
        self._lock = threading.Lock()
        self._keys: list[jwt.PyJWK] = []
        self._old_at = self._next_try_at = 0.0

    def key_for(self, name: object) -> jwt.PyJWK:
        """Raises jwt.PyJWKClientError for an unknown one, Unavailable where no key was ever had."""
        now = time.monotonic()
        if now >= self._next_try_at and (now >= self._old_at or self._find(name) is None):
            self._read_anew(now)
        elif not self._keys:
            with self._lock:
                pass  # who reads them for the first time does it for all
        found = self._find(name)
        if found is not None:
            return found
        if not self._keys:
            raise Unavailable("the keys that sign tokens cannot be had")
        raise jwt.PyJWKClientError("no such key")

    def _find(self, name: object) -> jwt.PyJWK | None:
        return next((key for key in self._keys if key.key_id == name), None)

    def _read_anew(self, now: float) -> None:
        if not self._lock.acquire(blocking=not self._keys):
            return
        try:
            if now < self._next_try_at:
                return  # somebody did while this one waited
            self._next_try_at = now + (PAUSE_SECONDS if self._keys else FIRST_PAUSE_SECONDS)
            self._keys = self._client.get_signing_keys()
            self._old_at, self._next_try_at = now + KEPT_SECONDS, now + PAUSE_SECONDS
        except (jwt.PyJWTError, ValueError, OSError) as error:
            log("warning", "keys_away", "The keys that sign tokens could not be read.", error=error)
        finally:
            self._lock.release()


class _Keys:
    """Where the key of a token comes from. The algorithms belong to the source, never to the token."""

    def __init__(self, *, jwks_url: str | None = None, secret: str | None = None) -> None:
        self.algorithms = ["RS256", "ES256"] if jwks_url else ["HS256"]
        self._secret = secret
        self._published = _Published(jwks_url) if jwks_url else None

    def key_for(self, token: str) -> Any:
        """Raises jwt.PyJWTError where there is none, Unavailable where keys cannot be had."""
        if self._published is None:
            return self._secret
        return self._published.key_for(jwt.get_unverified_header(token).get("kid"))


@dataclass(frozen=True)
class _Verified:
    """``expires_at`` in Unix time."""

    caller: Caller
    key: object
    expires_at: int


class JWTVerifier:
    """Tokens of students and staff, by JWKS or shared secret. ``issuer`` and ``audience`` are checked where set."""

    def __init__(
        self,
        *,
        jwks_url: str | None,
        secret: str | None,
        issuer: str | None,
        audience: str | None,
        role_claim: str,
    ) -> None:
        self._keys = _Keys(jwks_url=jwks_url, secret=secret)
        self._issuer = issuer
        self._audience = audience
        self._role_claim = role_claim
        self._lock = threading.Lock()
        self._verified: dict[bytes, _Verified] = {}
        """By the token's hash."""

    def verify(self, token: str) -> Caller:
        """What was verified is believed until it expires, while its key is still the one to verify it with."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        key, known = self._key_for(token), self._verified.get(digest)
        if known is not None and known.key is key and datetime.now(UTC).timestamp() < known.expires_at:
            return known.caller
        claims = _claims(self._keys, token, self._issuer, self._audience)
        caller = self._caller(claims)
        if key is not None:
            with self._lock:
                self._verified[digest] = _Verified(caller, key, int(claims["exp"]))
                while len(self._verified) > MOST_VERIFIED:
                    del self._verified[next(iter(self._verified))]
        return caller

    def _key_for(self, token: str) -> object | None:
        """None where there is none: verifying says why. Raises Unavailable."""
        try:
            key: object | None = self._keys.key_for(token)
        except (jwt.PyJWTError, ValueError):
            return None
        return key

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        """Raises InvalidToken."""
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= MOST_SUBJECT_CHARACTERS or not _is_text(subject):
            raise InvalidToken("The token names nobody.")
        role = claims.get(self._role_claim)
        if role in REFUSED_ROLES:
            raise InvalidToken("The token is a program's, not a person's.")
        return Caller(subject=subject, staff=role == "instructor")


class ServiceAccountVerifier:
    """The OIDC token that Cloud Tasks and Cloud Scheduler send: Google's, for us, from our service account.

    ``checked_by_platform``: whether this process runs on Google Cloud, as a function that only those may call whom IAM
    lets through. Cloud Run then checks the token's signature itself, and takes it off before we see it. Such a token is
    believed without one, and all else is checked as ever. That is safe because nothing reaches the container but by
    Cloud Run, no other account is an invoker, and the ingress is internal; Terraform says the latter two, and its tests
    hold it to them (docs/decisions/0014). Elsewhere a token without its signature proves nothing.
    """

    def __init__(
        self, *, audience: str, email: str, jwks_url: str = GOOGLE_KEYS, checked_by_platform: bool = False
    ) -> None:
        self._keys = _Keys(jwks_url=jwks_url)
        self._audience = audience
        self._email = email
        self._checked_by_platform = checked_by_platform

    def verify(self, token: str) -> Caller:
        if self._checked_by_platform and token.endswith(SIGNATURE_REMOVED):
            claims = _claims(None, token, list(GOOGLE_ISSUERS), self._audience)
        else:
            claims = _claims(self._keys, token, list(GOOGLE_ISSUERS), self._audience)
        if claims.get("email") != self._email or claims.get("email_verified") is not True:
            raise InvalidToken("The token is another account's.")
        return Caller(subject=self._email)


def _claims(keys: _Keys | None, token: str, issuer: str | list[str] | None, audience: str | None) -> Mapping[str, Any]:
    """``keys``: None where the signature was checked, and taken off, before. Raises InvalidToken, Unavailable."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            keys.key_for(token) if keys else "",
            algorithms=keys.algorithms if keys else None,
            audience=audience,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options={
                "require": ["exp", "sub"],
                "verify_signature": keys is not None,
                # each by name: without a signature none of them would be looked at
                "verify_exp": True,
                "verify_nbf": True,
                "verify_iat": True,
                "verify_iss": True,
                "verify_aud": audience is not None,
            },
        )
    except jwt.ExpiredSignatureError as error:
        raise InvalidToken("The token has expired.") from error
    except (jwt.PyJWTError, ValueError) as error:  # ValueError: what is not even text
        raise InvalidToken("The token is not valid here.") from error
    if not _is_canonical(token):
        raise InvalidToken("The token is not valid here.")
    return claims


def _is_canonical(token: str) -> bool:
    """Whether the signature is spelled in the one right way: base64 leaves bits unused, and its decoder is lenient."""
    signature = token.rpartition(".")[2]
    return jwt.utils.base64url_encode(jwt.utils.base64url_decode(signature)) == signature.encode()


def _is_text(subject: str) -> bool:
    """Whether a store can keep it: half a character (a lone surrogate) it cannot."""
    try:
        subject.encode()
    except UnicodeEncodeError:
        return False
    return True
