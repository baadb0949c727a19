"""Settings: their defaults, what is refused, and that the example file tells the truth."""

from __future__ import annotations

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from functions.domain.concurrency import Bounds
from functions.ports import Unavailable
from functions.traces import Untraced
from infra import bootstrap, settings
from infra.settings import Settings, SettingsError
from infra.tokens import FIREBASE_KEYS

ROOT = Path(__file__).resolve().parents[2]
BUCKET = {
    "OBJECT_STORE_ENDPOINT": "https://storage.googleapis.com",
    "OBJECT_STORE_BUCKET": "run-code",
    "OBJECT_STORE_ACCESS_KEY_ID": "id",
    "OBJECT_STORE_SECRET_ACCESS_KEY": "secret",
}
NOT_READ_BY_THE_FUNCTIONS = {"SANDBOX"}  # the local runner's
SET_BY_THE_PLATFORM = {"K_SERVICE"}


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def test_the_example_file_lists_every_setting_with_its_default() -> None:
    assert (
        set(example()) - NOT_READ_BY_THE_FUNCTIONS == {n.upper() for n in Settings.model_fields} - SET_BY_THE_PLATFORM
    )
    assert settings.read(example()) == Settings()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"MAX_CONCURRENT_SUBMISSIONS": "0"}, "MAX_CONCURRENT_SUBMISSIONS"),
        ({"MAX_CONCURRENT_SUBMISSIONS": "many"}, "MAX_CONCURRENT_SUBMISSIONS"),
        ({"MAX_CONCURRENT_SUBMISSIONS": "auto:5-2"}, "auto:2-12"),
        ({"BATCH_SIZE": "21"}, "BATCH_SIZE"),
        ({"AUTH_JWT_SECRET": "short"}, "AUTH_JWT_SECRET"),
        ({"JUDGE_TIMEOUT": "9"}, "JUDGE_TIMEOUT"),
        ({"SWEEP_INTERVAL": "80"}, "SWEEP_INTERVAL + LEASE_SECONDS must be under 90"),
        ({"SLOT_WAIT": "850"}, "under DISPATCH_DEADLINE"),
        ({"DISPATCH_DEADLINE": "1000"}, "FUNCTION_TIMEOUT"),
        ({"SQLITE_PATH": "x", "K_SERVICE": "run-code"}, "SQLITE_PATH"),
        ({"ALLOWED_ORIGINS": "*"}, "ALLOWED_ORIGINS"),
        ({**BUCKET, "OBJECT_STORE_ENDPOINT": "storage.googleapis.com"}, "OBJECT_STORE_ENDPOINT"),
        ({**BUCKET, "OBJECT_STORE_BUCKET": "No Bucket"}, "OBJECT_STORE_BUCKET"),
        ({**BUCKET, "OBJECT_STORE_SECRET_ACCESS_KEY": ""}, "set all or none"),
        ({"RECEIPT_KEY": "short"}, "RECEIPT_KEY"),
        ({"AUTH_JWKS_URL": f"{FIREBASE_KEYS}/", "AUTH_ISSUER": "x"}, "your project's id"),
        ({"ALLOWED_ORIGINS": "https://a.example, https://b.example/page"}, "no origin such as"),
        ({"AUTH_JWKS_URL": "http://keys.example/jwks"}, "https"),
        ({"TASKS_JWKS_URL": "file:///keys"}, "https"),
        ({"JUDGE0_URL": "https://a=3,b=8"}, "JUDGE0_URL"),
        ({"JUDGE0_URL": "https://a=0"}, "1 to 100 slots"),
        ({"JUDGE0_DISCOVERY": "judges.internal"}, "judges.internal:2358=3"),
        ({"JUDGE0_URL": "https://a=3,https://A=8"}, "twice"),
        ({"JUDGE0_URL": "https://a=3,https://b=8", "JUDGE0_AUTH_TOKEN": "a=x,c=y"}, "JUDGE0_AUTH_TOKEN"),
        ({"JUDGE0_URL": "https://a=3,https://b=8", "JUDGE0_AUTH_TOKEN": "c=x,d=y"}, "JUDGE0_AUTH_TOKEN"),
        ({"JUDGE0_URL": "https://a=3,https://b=8", "JUDGE0_AUTH_TOKEN": "c=x"}, "JUDGE0_AUTH_TOKEN"),
        ({"JUDGE0_URL": "https://a=3,https://b=8", "JUDGE0_AUTH_TOKEN": "jA=x,jB:y"}, "JUDGE0_AUTH_TOKEN"),
        ({"JUDGE0_URL": "https://a=3,https://b=8", "JUDGE0_AUTH_TOKEN": "jA=x,jB="}, "JUDGE0_AUTH_TOKEN"),
        ({"JUDGE0_URL": "https://a=3,https://b=8", "JUDGE0_AUTH_TOKEN": "x,y"}, "JUDGE0_AUTH_TOKEN"),
        ({"JUDGE0_DISCOVERY": "judges:2358", "JUDGE0_AUTH_TOKEN": "fuond=x"}, "JUDGE0_AUTH_TOKEN"),
        ({"JUDGE0_API_KEY": "x", "JUDGE0_URL": "https://a"}, "JUDGE0_API_KEY needs JUDGE0_API_HOST"),
        ({"JUDGE0_API_KEY": "x", "JUDGE0_API_HOST": "b", "JUDGE0_URL": "https://a"}, "the host of a judge"),
        ({"TRACES": "everything"}, "TRACES"),
        ({"TRACES": "google"}, "TRACES=google needs GOOGLE_CLOUD_PROJECT"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings.read(environment)
    assert words in str(refused.value)


def test_what_is_right_is_not_named_beside_it() -> None:
    with pytest.raises(SettingsError) as refused:
        settings.read({"ALLOWED_ORIGINS": "*"})
    assert len(str(refused.value).splitlines()) == 1


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        settings.read({"AUTH_JWT_SECRET": "hunter2"})
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(settings.read({"JUDGE0_API_KEY": "hunter2"}))


def test_one_judge_has_the_name_that_it_always_had_and_several_are_named_by_where_they_are() -> None:
    assert settings.given_judges("https://judge0.example/x?a=b") == {
        "judge0": settings.GivenJudge("https://judge0.example/x?a=b")
    }
    assert settings.given_judges("https://A.example:2358/x/=3, http://b.example") == {
        "a.example:2358-x": settings.GivenJudge("https://A.example:2358/x/", 3),
        "b.example": settings.GivenJudge("http://b.example"),
    }


@pytest.mark.parametrize(
    ("given", "bounds", "begins"),
    [("3", None, 3), ("auto", (1, 20), 3), ("auto:5-8", (5, 8), 5), ("auto:1-2", (1, 2), 2)],
)
def test_how_much_at_once_is_a_number_or_found_out(given: str, bounds: tuple[int, int] | None, begins: int) -> None:
    rules = settings.read({"MAX_CONCURRENT_SUBMISSIONS": given}).rules()
    assert rules.concurrency == (None if bounds is None else Bounds(*bounds))
    assert rules.max_concurrent_submissions == begins


def test_a_token_goes_only_to_the_judge_that_it_is_for() -> None:
    assert settings.tokens_by_judge("a=x=y,b=z", {"a", "b"}) == {"a": "x=y", "b": "z"}
    assert settings.tokens_by_judge("a=x", {"a", "b"}) == {"a": "x"}
    for for_all in ("secret", "c2VjcmV0==", "=secret"):
        assert settings.tokens_by_judge(for_all, {"a", "b"}) == {"a": for_all, "b": for_all}
    assert settings.tokens_by_judge("se=cret", {"judge0"}) == {"judge0": "se=cret"}  # where there is one, it is its


class Asked(BaseHTTPRequestHandler):
    """A judge that remembers by which name, and with which credentials, it was asked."""

    credentials: ClassVar[dict[str, set[str]]] = {}

    def do_GET(self) -> None:
        name = self.headers["Host"].partition(":")[0]
        self.credentials[name] = {each for each in self.headers if each.startswith("X-")}
        self.send_error(503)

    def log_message(self, *_: object) -> None: ...


def test_a_judges_credentials_go_to_that_judge_alone() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        rapid, other = (f"{host}:{server.server_port}" for host in ("localhost", "127.0.0.1"))
        given = {
            "JUDGE0_URL": f"http://{rapid}=3,http://{other}=3",
            "JUDGE0_DISCOVERY": "judges.invalid:2358=3",
            "JUDGE0_AUTH_TOKEN": f"{other}=token,found=of those that are found",
        }
        config = settings.read({**given, "JUDGE0_API_KEY": "key", "JUDGE0_API_HOST": "LocalHost"})
        for host in bootstrap.judges(config, Untraced())().values():
            with suppress(Unavailable):
                host.judge.languages()
        server.shutdown()
    assert Asked.credentials == {"localhost": {"X-RapidAPI-Key", "X-RapidAPI-Host"}, "127.0.0.1": {"X-Auth-Token"}}


@pytest.mark.parametrize(
    "given",
    [
        {"JUDGE0_URL": "https://hunter2@a=3,https://b=8"},
        {"JUDGE0_URL": "https://a=3,https://b=8", "JUDGE0_AUTH_TOKEN": "a=hunter2,c=hunter2"},
        {"JUDGE0_URL": "https://a=3,https://b=8", "JUDGE0_AUTH_TOKEN": "c=hunter2"},
    ],
)
def test_a_judges_secret_is_not_repeated(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        settings.read(given)
    assert "hunter2" not in str(refused.value)


def test_short_leases_have_margins_and_a_judge_timeout_to_match() -> None:
    short = settings.read({"LEASE_SECONDS": "2", "SWEEP_INTERVAL": "3"})
    assert short.rules().margin.total_seconds() == pytest.approx(2 / 7.5, abs=1e-6)
    assert short.judge_timeout == pytest.approx(2 / 3)
    assert (Settings().rules().margin.total_seconds(), Settings().judge_timeout) == (2, 5)


def test_what_a_function_needs_and_lacks_is_named() -> None:
    with pytest.raises(SettingsError, match="HANDLER_URL, TASKS_LOCATION"):
        settings.require(Settings(), "handler_url", "tasks_location")


def test_the_sweep_is_called_as_the_handler_is_where_nothing_else_is_said() -> None:
    handler = {"HANDLER_URL": "https://handler", "TASKS_SERVICE_ACCOUNT": "tasks@x"}
    alike = settings.read(handler)
    assert (alike.sweep_url, alike.scheduler_service_account) == ("https://handler", "tasks@x")
    own = settings.read({**handler, "SWEEP_URL": "https://sweep", "SCHEDULER_SERVICE_ACCOUNT": "scheduler@x"})
    assert (own.sweep_url, own.scheduler_service_account) == ("https://sweep", "scheduler@x")


def test_languages_are_named_by_any_of_their_names() -> None:
    found = settings.read({"LANGUAGE_IDS": "c++=54, python3=71", "TIME_MULTIPLIERS": "py=1.5"})
    assert dict(found.language_ids) == {"cpp": 54, "python": 71}
    assert dict(found.time_multipliers) == {"python": 1.5}


@pytest.mark.parametrize("given", ["cpp", "cpp=", "cpp=x", "cpp=0", "=54"])
def test_a_language_without_its_number_is_named(given: str) -> None:
    with pytest.raises(SettingsError, match="LANGUAGE_IDS"):
        settings.read({"LANGUAGE_IDS": given})
