"""Tokens of the local stack: for its students and staff, and for the caller of the sweep."""

from __future__ import annotations

import time

import jwt

from infra import settings
from infra.local import environment
from infra.local.cloud_tasks_emulator import oidc
from infra.local.environment import Stack
from infra.settings import Settings


class CannotMint(Exception):
    """The stack does not sign its own tokens."""


def mint(stack: Stack, subject: str, role: str | None = None, hours: float = 12) -> str:
    """A bearer token for ``subject``, good for ``hours``, signed with the key that the stack was started with.

    Raises CannotMint where it was given AUTH_JWKS_URL.
    """
    started_with = environment.read_environment_file(stack)  # the shell of now may say something else
    config = settings.read(started_with or environment.functions_environment(stack, {}))
    if config.auth_jwks_url is not None or config.auth_jwt_secret is None:
        raise CannotMint("this stack checks tokens with AUTH_JWKS_URL: get one where those keys are")
    return signed(config, config.auth_jwt_secret, subject, role, hours)


def signed(config: Settings, secret: str, subject: str, role: str | None = None, hours: float = 12) -> str:
    """As ``config`` has tokens checked."""
    now = int(time.time())
    claims = {"sub": subject, "iat": now, "exp": now + int(hours * 3600)}
    optional = {"iss": config.auth_issuer, "aud": config.auth_audience, config.auth_role_claim: role}
    claims |= {name: value for name, value in optional.items() if value is not None}
    return jwt.encode(claims, secret, algorithm="HS256")


def service_account(stack: Stack, audience: str) -> str:
    """What Cloud Scheduler would send: an OIDC token of the service account."""
    email = environment.functions_environment(stack, {})["TASKS_SERVICE_ACCOUNT"]
    return oidc.load_or_make(stack.signing_key).token(email, audience)
