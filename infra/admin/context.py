"""Which service a command works on: the local stack of this PORT, or with --deployed the cloud."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from infra import settings
from infra.local import environment
from infra.settings import Settings

if TYPE_CHECKING:
    from functions.service import Service


def fail(message: object) -> NoReturn:
    """One line on stderr, exit code 1."""
    sys.exit(f"run-code: {message}")


@dataclass(frozen=True)
class Context:
    deployed: bool
    given_url: str | None
    given_token: str | None

    @cached_property
    def stack(self) -> environment.Stack:
        try:
            return environment.read(os.environ)
        except environment.WrongVariable as error:
            fail(error)

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """The shell's when deployed; else the running stack's alone, whatever of the cloud is in the shell."""
        if self.deployed:
            return os.environ
        found = environment.read_environment_file(self.stack)
        if found is None:
            fail(f"no stack was started on PORT {self.stack.port}: run `make run` first")
        return found

    @cached_property
    def settings(self) -> Settings:
        try:
            return settings.read(self.variables)
        except settings.SettingsError as error:
            fail(error)

    @cached_property
    def service(self) -> Service:
        from infra import bootstrap

        config = self.settings
        try:
            store = bootstrap.document_store(config) if self.deployed else environment.document_store(config)
            return bootstrap.service_for(config, store)
        except settings.SettingsError as error:
            fail(error)

    @property
    def url(self) -> str:
        if not self.deployed:
            return self.stack.url
        return self.given_url or fail("--url is needed with --deployed")

    def token(self, student: str) -> str:
        """A token for ``student``: minted locally, given when deployed."""
        if self.deployed:
            return self.given_token or fail("--token is needed with --deployed")
        from infra.local import tokens

        try:
            return tokens.mint(self.stack, student)
        except tokens.CannotMint as error:
            fail(error)
