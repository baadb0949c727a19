"""What `make run` gives its processes, and what the command line reads of it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from infra import settings
from infra.local import environment, tokens
from infra.local.environment import Stack
from infra.tokens import JWTVerifier


class StackElsewhere(Stack):
    """A stack whose state lies in a test's folder."""

    @property
    def state(self) -> Path:
        return Path(self.given["STATE"])


def stack(tmp_path: Path, **given: str) -> Stack:
    read = environment.read(given)
    return StackElsewhere(**{**read.__dict__, "given": {**given, "STATE": str(tmp_path)}})


def test_ports_come_from_the_environment_and_a_wrong_one_is_named() -> None:
    assert environment.read({}).port == 8080
    assert environment.read({"PORT": "9000", "TASKS_PORT": "9100"}).handler_url == "http://127.0.0.1:9001"
    for wrong in ("http", "0", "70000", "-1"):
        with pytest.raises(environment.WrongVariable, match="JUDGE0_PORT"):
            environment.read({"JUDGE0_PORT": wrong})


def test_settings_are_passed_on_and_what_belongs_to_the_cloud_is_not(tmp_path: Path) -> None:
    given = {"BATCH_SIZE": "5", "GOOGLE_CLOUD_PROJECT": "production", "FIRESTORE_EMULATOR_HOST": "elsewhere:1"}
    found = environment.functions_environment(stack(tmp_path, **given), {"SQLITE_PATH": "store"})
    assert found["BATCH_SIZE"] == "5"
    assert found["GOOGLE_CLOUD_PROJECT"] == environment.PROJECT
    assert "FIRESTORE_EMULATOR_HOST" not in found
    config = settings.read(found)
    assert (config.batch_size, config.sqlite_path, config.handler_url) == (5, "store", "http://127.0.0.1:8081")


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    local = stack(tmp_path)
    assert environment.secret(local) == environment.secret(local)
    assert stat.S_IMODE(local.secret_file.stat().st_mode) == 0o600


def test_what_was_written_for_the_shell_is_read_again(tmp_path: Path) -> None:
    local = stack(tmp_path)
    variables = {"PLAIN": "1", "QUOTED": 'it\'s $HOME; "x" = y\n'}
    environment.write_environment_file(local, variables)
    assert environment.read_environment_file(local) == variables
    assert stat.S_IMODE(local.environment_file.stat().st_mode) == 0o600
    assert environment.read_environment_file(stack(tmp_path / "none")) is None


def test_a_minted_token_is_accepted_by_the_functions_of_its_own_stack_only(tmp_path: Path) -> None:
    local, other = stack(tmp_path / "a"), stack(tmp_path / "b")
    token = tokens.mint(local, "alice", role="instructor")
    for each, accepted in ((local, True), (other, False)):
        config = settings.read(environment.functions_environment(each, {}))
        verifier = JWTVerifier(
            jwks_url=None,
            secret=config.auth_jwt_secret,
            issuer=config.auth_issuer,
            audience=config.auth_audience,
            role_claim=config.auth_role_claim,
        )
        if accepted:
            caller = verifier.verify(token)
            assert (caller.subject, caller.staff) == ("alice", True)
        else:
            with pytest.raises(Exception, match="not valid"):
                verifier.verify(token)


def test_with_somebody_elses_keys_no_token_is_minted(tmp_path: Path) -> None:
    with pytest.raises(tokens.CannotMint):
        tokens.mint(stack(tmp_path, AUTH_JWKS_URL="https://keys.example/jwks"), "alice")
