"""What a client is told when its request is refused; `functions.api` writes it as a problem document (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Refusal(Exception):
    """``detail`` is a sentence for a person; ``errors`` names fields; ``retry_after`` in seconds."""

    status: int
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None

    def __str__(self) -> str:
        return self.detail


def not_found(what: str) -> Refusal:
    return Refusal(404, f"There is no such {what}.")


def wrong_field(field: str, message: str) -> Refusal:
    return Refusal(422, "The request is well-formed, but a value in it is wrong.", ((field, message),))
