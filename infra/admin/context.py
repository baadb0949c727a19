"""Which service a command works on: the local stack of this PORT, or with --deployed the cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from functions.service import Service
    from infra.cloud_tasks import CloudTasksTicketQueue
    from infra.local.environment import Stack
    from infra.settings import Settings


def fail(message: object) -> NoReturn:
    """One line on stderr, exit code 1."""
    raise click.ClickException("; ".join(str(message).splitlines()))


def text_of(file: Path, encoding: str = "utf-8") -> str:
    """The file's text, its line ends as they are."""
    try:
        return file.read_bytes().decode(encoding)
    except UnicodeDecodeError:
        fail(f"{file}: not UTF-8")


class Commands(click.Group):
    """A group whose foreseeable errors are told in one line. Whatever else comes is a fault of ours: a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if not isinstance(error, _foreseeable()):
                raise
            fail(str(error) or type(error).__name__)


def _foreseeable() -> tuple[type[Exception], ...]:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    from functions.errors import Refusal
    from functions.ports import PortError
    from infra.admin.client import Refused
    from infra.admin.operations import OperationError
    from infra.local.environment import WrongVariable
    from infra.local.tokens import CannotMint
    from infra.settings import SettingsError

    google: tuple[type[Exception], ...] = (GoogleAPICallError, GoogleAuthError)  # no permission, no credentials
    return PortError, Refusal, Refused, OperationError, WrongVariable, CannotMint, SettingsError, OSError, *google


@dataclass(frozen=True)
class Context:
    deployed: bool
    given_url: str | None
    given_token: str | None

    @cached_property
    def stack(self) -> Stack:
        """Raises WrongVariable."""
        from infra.local import environment

        return environment.read(os.environ)

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """The shell's when deployed; else the running stack's alone, whatever of the cloud is in the shell."""
        if self.deployed:
            local = [name for name in ("SQLITE_PATH", "FIRESTORE_EMULATOR_HOST") if os.environ.get(name)]
            if local:
                fail(f"--deployed, but {' and '.join(local)} is set: that is a store of this machine")
            return os.environ
        from infra.local import environment

        found = environment.read_environment_file(self.stack)
        if found is None:
            fail(f"no stack was started on PORT {self.stack.port}: run make run")
        return found

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsError."""
        from infra import settings

        config = settings.read(self.variables)
        settings.require(config, "google_cloud_project")
        return config

    @cached_property
    def service(self) -> Service:
        from infra import bootstrap
        from infra.local import environment

        config = self.settings
        store = bootstrap.document_store(config) if self.deployed else environment.document_store(config)
        return bootstrap.service_for(config, store, patient=True)

    @cached_property
    def queues(self) -> CloudTasksTicketQueue:
        from infra import bootstrap

        self.require_queues()
        return bootstrap.ticket_queue(self.settings, patient=True)

    def require_queues(self) -> None:
        """Raises SettingsError where what is needed to issue a ticket is not set."""
        from infra import settings

        settings.require(self.settings, "tasks_location", "handler_url", "tasks_service_account")

    @property
    def url(self) -> str:
        if not self.deployed:
            _ = self.variables  # says so where there is no stack
            return self.stack.url
        return self.given_url or fail("with --deployed say the function's --url, or set RUN_CODE_URL")

    def token(self, student: str) -> str:
        """A token for ``student``: minted locally, the given one when deployed."""
        if self.deployed:
            return self.given_token or fail("with --deployed give a --token, or set RUN_CODE_TOKEN")
        from infra.local import tokens

        return tokens.mint(self.stack, student)
