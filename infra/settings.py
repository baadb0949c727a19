"""Every setting of the service, read once from the environment and checked before anything starts.

Times in seconds. `.env.example` lists them all with their defaults; a test keeps the two alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from functions.domain.languages import canonical
from functions.service import Rules
from infra.tokens import GOOGLE_KEYS, is_firebase


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _mapped(value: object) -> object:
    """`cpp=54,python=71`, a language by any of its names; without a "=" the value is empty, which is told as wrong."""
    pairs = (part.partition("=") for part in value.split(",")) if isinstance(value, str) else ()
    return {canonical(name.strip()): number.strip() for name, _, number in pairs} if isinstance(value, str) else value


def _origin(value: str) -> str:
    """As a browser sends it: no path, no wildcard (who may read is always named)."""
    if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?", value):
        raise ValueError(f"{value!r} is no origin such as https://exam.example.org")
    return value


def _keys_url(value: str) -> str:
    """Keys that come unprotected could be anybody's; on this machine there is nobody in between."""
    parts = urlsplit(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        raise ValueError("must be an https URL")
    return value


def _firebase_issuer(given: Mapping[str, object]) -> str | None:
    """With Firebase's keys the project says who issues."""
    project = given.get("auth_audience") if is_firebase(str(given.get("auth_jwks_url"))) else None
    return f"https://securetoken.google.com/{project}" if project is not None else None


LanguageName = Annotated[str, Field(min_length=1)]
IdByLanguage = Annotated[Mapping[LanguageName, PositiveInt], BeforeValidator(_mapped)]
MultiplierByLanguage = Annotated[
    Mapping[LanguageName, Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]], BeforeValidator(_mapped)
]


class SettingsError(Exception):
    """The environment is wrong; the message names each setting and what would be right."""


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    max_concurrent_submissions: Annotated[int, Field(ge=1, le=100)] = 3
    batch_size: Annotated[int, Field(ge=1, le=20, description="Judge0 takes at most 20 a batch")] = 3
    run_max_wait: PositiveFloat = 30
    turn_spacing: Annotated[float, Field(ge=0)] = 15
    visit_budget: PositiveFloat = 60
    lease_seconds: PositiveFloat = 15
    sweep_interval: PositiveFloat = 60
    slot_wait: PositiveFloat = 300
    judge_timeout: PositiveFloat = Field(default_factory=lambda given: given.get("lease_seconds", 15) / 3)
    dispatch_deadline: Annotated[float, Field(ge=15, le=1800, description="Cloud Tasks' bounds")] = 900
    function_timeout: PositiveFloat = 900
    max_judgings: PositiveInt = 5
    max_body_bytes: PositiveInt = 262_144
    max_code_bytes: PositiveInt = 65_536
    rate_run_per_minute: PositiveInt = 20
    rate_submit_per_minute: PositiveInt = 6
    closing_grace: Annotated[float, Field(ge=0)] = 5
    allowed_origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_listed)] = ()

    auth_jwks_url: Annotated[str, AfterValidator(_keys_url)] | None = None
    auth_jwt_secret: Annotated[str | None, Field(min_length=32, repr=False)] = None
    auth_audience: str | None = None
    auth_issuer: str | None = Field(default_factory=_firebase_issuer)
    auth_role_claim: str = "role"

    google_cloud_project: str | None = None
    handler_url: str | None = None
    tasks_service_account: str | None = None
    sweep_url: str | None = Field(default_factory=lambda given: given.get("handler_url"))
    scheduler_service_account: str | None = Field(default_factory=lambda given: given.get("tasks_service_account"))
    tasks_location: str | None = None
    judge0_url: str | None = None
    judge0_api_key: Annotated[str | None, Field(repr=False)] = None
    judge0_api_host: str | None = None
    judge0_auth_token: Annotated[str | None, Field(repr=False)] = None
    object_store_endpoint: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+/?$")] | None = None
    object_store_bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$")] | None = None
    object_store_access_key_id: str | None = None
    object_store_secret_access_key: Annotated[str | None, Field(repr=False)] = None
    object_store_region: str = "auto"
    receipt_key: Annotated[str | None, Field(min_length=32, repr=False)] = None
    language_ids: IdByLanguage = {}
    time_multipliers: MultiplierByLanguage = {}
    traces: Literal["off", "console", "google"] = "off"

    # Only on one machine: where the stand-ins are.
    tasks_address: str | None = None
    tasks_jwks_url: Annotated[str, AfterValidator(_keys_url)] = GOOGLE_KEYS
    firestore_emulator_host: str | None = None
    sqlite_path: str | None = None
    k_service: str | None = Field(default=None, description="set by Google Cloud in every function")

    @model_validator(mode="after")
    def _inequalities(self) -> Self:
        """Design, section 5. The longest judging is checked where a question is imported."""
        margin = self.rules().margin.total_seconds()
        rules = (
            (
                self.judge_timeout + margin < self.lease_seconds * 2 / 3,
                "JUDGE_TIMEOUT plus a margin of 2 s must be under two thirds of LEASE_SECONDS",
            ),
            (self.sweep_interval + self.lease_seconds < 90, "SWEEP_INTERVAL + LEASE_SECONDS must be under 90"),
            (
                self.slot_wait + self.visit_budget < self.dispatch_deadline,
                "SLOT_WAIT + VISIT_BUDGET must be under DISPATCH_DEADLINE",
            ),
            (
                self.dispatch_deadline <= self.function_timeout,
                "DISPATCH_DEADLINE must not be over FUNCTION_TIMEOUT",
            ),
            (
                self.sqlite_path is None or self.k_service is None,
                "SQLITE_PATH is for one machine: a deployed function keeps nothing on its disk",
            ),
            (
                len({self.object_store_endpoint is None, *(each is None for each in self._object_store())}) == 1,
                "OBJECT_STORE_ENDPOINT, OBJECT_STORE_BUCKET, OBJECT_STORE_ACCESS_KEY_ID and "
                "OBJECT_STORE_SECRET_ACCESS_KEY go together: set all or none",
            ),
            (
                self.traces != "google" or self.google_cloud_project is not None,
                "TRACES=google needs GOOGLE_CLOUD_PROJECT",
            ),
            (
                not is_firebase(self.auth_jwks_url or "") or self.auth_audience is not None,
                "AUTH_AUDIENCE must be your project's id: Firebase's keys sign for every project",
            ),
        )
        broken = [message for holds, message in rules if not holds]
        if broken:
            raise ValueError("; ".join(broken))
        return self

    def _object_store(self) -> tuple[str | None, ...]:
        return self.object_store_bucket, self.object_store_access_key_id, self.object_store_secret_access_key

    def rules(self) -> Rules:
        return Rules(**{name: getattr(self, name) for name in Rules.__dataclass_fields__})


def read(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError. An empty variable counts as not set."""
    given = {
        name: environment[name.upper()] for name in Settings.model_fields if environment.get(name.upper(), "").strip()
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        lines = []
        for each in error.errors(include_input=False, include_url=False):
            if each["type"] == "default_factory_not_called":
                continue  # it only says that another one is wrong
            setting = str(each["loc"][0]).upper() if each["loc"] else "settings"
            lines.append(f"{setting}: {each['msg']}")
        raise SettingsError("\n".join(lines)) from None


def require(settings: Settings, *names: str) -> None:
    """Raises SettingsError naming those of ``names`` that are not set."""
    missing = [name.upper() for name in names if getattr(settings, name) is None]
    if missing:
        raise SettingsError(f"not set: {', '.join(missing)}")
