"""Bearer tokens: students' and staff's JWTs, and the OIDC tokens of Cloud Tasks and Cloud Scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

from functions.ports import Caller, InvalidToken, Unavailable

LEEWAY_SECONDS = 5
GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
GOOGLE_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
KEYS_SECONDS = 5.0
REFUSED_ROLES = ("anon", "service_role")
"""Supabase's keys for programs: neither is a person."""


class _Keys:
    """Where the key of a token comes from. The algorithms belong to the source, never to the token."""

    def __init__(self, *, jwks_url: str | None = None, secret: str | None = None) -> None:
        self.algorithms = ["RS256", "ES256"] if jwks_url else ["HS256"]
        self._secret = secret
        self._jwks = jwt.PyJWKClient(jwks_url, timeout=KEYS_SECONDS) if jwks_url else None

    def key_for(self, token: str) -> Any:
        if self._jwks is None:
            return self._secret
        try:
            return self._jwks.get_signing_key_from_jwt(token).key
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable("the keys that sign tokens cannot be had") from error


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

    def verify(self, token: str) -> Caller:
        claims = _claims(self._keys, token, self._issuer, self._audience)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject:
            raise InvalidToken("The token names nobody.")
        role = claims.get(self._role_claim)
        if role in REFUSED_ROLES:
            raise InvalidToken("The token is a program's, not a person's.")
        return Caller(subject=subject, staff=role == "instructor")


class ServiceAccountVerifier:
    """The OIDC token that Cloud Tasks and Cloud Scheduler send: Google's, for us, from our service account."""

    def __init__(self, *, audience: str, email: str, jwks_url: str = GOOGLE_KEYS) -> None:
        self._keys = _Keys(jwks_url=jwks_url)
        self._audience = audience
        self._email = email

    def verify(self, token: str) -> Caller:
        claims = _claims(self._keys, token, list(GOOGLE_ISSUERS), self._audience)
        if claims.get("email") != self._email or claims.get("email_verified") is not True:
            raise InvalidToken("The token is another account's.")
        return Caller(subject=self._email)


def _claims(keys: _Keys, token: str, issuer: str | list[str] | None, audience: str | None) -> Mapping[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            keys.key_for(token),
            algorithms=keys.algorithms,
            audience=audience,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "sub"], "verify_aud": audience is not None},
        )
    except jwt.ExpiredSignatureError as error:
        raise InvalidToken("The token has expired.") from error
    except jwt.PyJWTError as error:
        raise InvalidToken("The token is not valid here.") from error
    return claims
