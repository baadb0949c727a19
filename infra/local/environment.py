"""The local stack as its environment describes it: ports, state folder, and the variables of its processes.

`make run` and `python -m infra.admin` read the same variables, so that both mean the same stack.
"""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from functions.ports import DocumentStore
from infra.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "run-code-local"
LOCATION = "europe-west1"
BUCKET = "run-code"
ACCESS_KEY_ID = SECRET_ACCESS_KEY = "local"  # noqa: S105 - it asks nobody who they are
SERVICE_ACCOUNT = f"tasks@{PROJECT}.iam.gserviceaccount.com"
AUDIENCE = "run-code"
ISSUER = "run-code-local"
CLOUD_ONLY = ("google_cloud_project", "k_service", "firestore_emulator_host", "sqlite_path", "tasks_address")
"""Settings that the stack makes itself: what the shell says of them belongs to something else."""


class WrongVariable(Exception):
    """A variable is wrong; the message names it."""


@dataclass(frozen=True)
class Stack:
    """Where everything of one local stack is."""

    port: int
    firestore_port: int
    tasks_port: int
    tasks_http_port: int
    judge0_port: int
    object_store_port: int
    page_port: int
    given: Mapping[str, str]
    """The environment it was read from."""

    @property
    def state(self) -> Path:
        return ROOT / ".local" / str(self.port)

    @property
    def handler_port(self) -> int:
        return self.port + 1

    @property
    def sweep_port(self) -> int:
        return self.port + 2

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def handler_url(self) -> str:
        return f"http://127.0.0.1:{self.handler_port}"

    @property
    def sweep_url(self) -> str:
        return f"http://127.0.0.1:{self.sweep_port}"

    @property
    def page_url(self) -> str:
        return f"http://127.0.0.1:{self.page_port}"

    @property
    def own_judge(self) -> bool:
        """Whether the stack brings the judge; with JUDGE0_URL set it uses that one."""
        return not self.given.get("JUDGE0_URL")

    @property
    def own_object_store(self) -> bool:
        """Whether the stack brings it; with OBJECT_STORE_ENDPOINT set it uses that one."""
        return not self.given.get("OBJECT_STORE_ENDPOINT")

    @property
    def receipt_key_file(self) -> Path:
        return self.state / "receipt.key"

    @property
    def secret_file(self) -> Path:
        return self.state / "jwt.secret"

    @property
    def signing_key(self) -> Path:
        return self.state / "tasks-signing-key.pem"

    @property
    def environment_file(self) -> Path:
        return self.state / "env"


def read(environment: Mapping[str, str]) -> Stack:
    """Raises WrongVariable where a port is none."""

    def port(name: str, default: int) -> int:
        text = environment.get(name) or str(default)
        if not text.isdigit() or not 1 <= int(text) <= 65_533:
            raise WrongVariable(f"{name}={text}: must be a port number, for example {default}")
        return int(text)

    return Stack(
        port=port("PORT", 8080),
        firestore_port=port("FIRESTORE_PORT", 8085),
        tasks_port=port("TASKS_PORT", 8123),
        tasks_http_port=port("TASKS_HTTP_PORT", 8124),
        judge0_port=port("JUDGE0_PORT", 2358),
        object_store_port=port("OBJECT_STORE_PORT", 9000),
        page_port=port("PAGE_PORT", 3000),
        given=environment,
    )


def functions_environment(stack: Stack, store: Mapping[str, str]) -> dict[str, str]:
    """The variables of the three functions: the shell's settings, and the addresses of the stand-ins.

    ``store`` names the document store: FIRESTORE_EMULATOR_HOST or SQLITE_PATH.
    """
    passed = {
        name.upper(): stack.given[name.upper()]
        for name in Settings.model_fields
        if stack.given.get(name.upper()) and name not in CLOUD_ONLY
    }
    made = {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "TASKS_ADDRESS": f"127.0.0.1:{stack.tasks_port}",
        "TASKS_JWKS_URL": f"http://127.0.0.1:{stack.tasks_http_port}/oauth2/v3/certs",
        **store,
    }
    defaults = {
        "TASKS_LOCATION": LOCATION,
        "TASKS_SERVICE_ACCOUNT": SERVICE_ACCOUNT,
        "HANDLER_URL": stack.handler_url,
        "JUDGE0_URL": f"http://127.0.0.1:{stack.judge0_port}",
        "ALLOWED_ORIGINS": stack.page_url,
    }
    if stack.own_object_store:
        made |= {
            "OBJECT_STORE_ENDPOINT": f"http://127.0.0.1:{stack.object_store_port}",
            "OBJECT_STORE_BUCKET": BUCKET,
            "OBJECT_STORE_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "OBJECT_STORE_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        }
    if "RECEIPT_KEY" not in passed:
        defaults["RECEIPT_KEY"] = _made_once(stack.receipt_key_file)
    if "AUTH_JWKS_URL" not in passed and "AUTH_JWT_SECRET" not in passed:
        defaults |= {"AUTH_JWT_SECRET": secret(stack), "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE}
    return {**defaults, **passed, **made}


def secret(stack: Stack) -> str:
    """The key that signs this stack's own tokens; made at the first asking, readable by its owner only."""
    return _made_once(stack.secret_file)


def _made_once(file: Path) -> str:
    if not file.exists():
        write_private(file, secrets.token_urlsafe(48))
    return file.read_text()


def write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def write_environment_file(stack: Stack, variables: Mapping[str, str]) -> None:
    """What the command line reads, and what a person pastes to run one function by hand."""
    write_private(
        stack.environment_file, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    )


def read_environment_file(stack: Stack) -> dict[str, str] | None:
    """The variables of the stack that runs, or None where none was started on this PORT."""
    if not stack.environment_file.exists():
        return None
    words = shlex.split(stack.environment_file.read_text())
    pairs = (word.partition("=") for word in words if word != "export")
    return {name: value for name, _, value in pairs}


def document_store(config: Settings) -> DocumentStore:
    """The stack's store, whatever of Google Cloud is in the shell: the emulator's or the embedded one."""
    if config.sqlite_path is not None:
        from infra.sqlite import SQLiteDocumentStore

        return SQLiteDocumentStore(config.sqlite_path)
    from infra.firestore import FirestoreDocumentStore
    from infra.local.clients import firestore_client

    return FirestoreDocumentStore(firestore_client(config.firestore_emulator_host or "", PROJECT))
