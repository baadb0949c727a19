"""Every setting of the service, read once from the environment and checked before anything starts.

Times in seconds. `.env.example` lists them all with their defaults; a test keeps the two alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from functions.domain.concurrency import Bounds
from functions.domain.languages import canonical
from functions.domain.line import ONLY_JUDGE
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


def _judge_url(value: str) -> str:
    """One URL, or a list of them with the number of submissions that each bears: `https://a=3,https://b=8`."""
    given_judges(value)
    return value


def given_judges(value: str, *, alone: bool = True) -> Mapping[str, GivenJudge]:
    """The judges of JUDGE0_URL by name; ``alone``: no others are found besides.

    Raises ValueError in words that hold no URL: there may be a secret in it.
    """
    found: dict[str, GivenJudge] = {}
    parts = [part.strip() for part in value.split(",") if part.strip()]
    for part in parts:
        url, _, slots = part.rpartition("=")
        if not slots.isdigit():
            url, slots = part, ""
        if alone and len(parts) == 1 and not slots:
            return {ONLY_JUDGE: GivenJudge(url)}
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or address.hostname is None or address.username is not None:
            raise ValueError("write https://a.example=3,https://b.example=8; credentials have their own settings")
        if slots and not 1 <= int(slots) <= MOST_SLOTS:
            raise ValueError(f"a judge has 1 to {MOST_SLOTS} slots")
        name = "-".join([address.netloc.lower(), *filter(None, address.path.split("/"))])
        if name in found:
            raise ValueError("it names a judge twice")
        found[name] = GivenJudge(url, int(slots) if slots else None)
    return found


DISCOVERY = re.compile(r"(?P<name>[A-Za-z0-9._-]+):(?P<port>\d{1,5})(=(?P<slots>\d{1,3}))?")
FOUND = "found"
"""How JUDGE0_AUTH_TOKEN names the judges that JUDGE0_DISCOVERY finds."""


@dataclass(frozen=True)
class Discovery:
    """The judges at a port of all addresses of a DNS name. ``slots`` of each: None where it says no number."""

    name: str
    port: int
    slots: int | None


def tokens_by_judge(token: str, names: Collection[str]) -> Mapping[str, str]:
    """`name=token,...` for the judges of these names, or one for all. Raises ValueError, without a token in it.

    What looks like pairs but is not wholly right is refused: it would tell every judge the others' tokens.
    """
    pairs = [part.strip().partition("=") for part in token.split(",")]
    if ONLY_JUDGE in names or (len(pairs) == 1 and not _is_pair(pairs[0])):
        return dict.fromkeys(names, token)
    if not all(pair[0] in names and _is_pair(pair) for pair in pairs):
        raise ValueError("JUDGE0_AUTH_TOKEN: write a token for all judges, or name=token for each that has one")
    return {name: found for name, _, found in pairs}


def _is_pair(parts: tuple[str, str, str]) -> bool:
    """A token may end in "=", as base64 does."""
    name, _, token = parts
    return bool(name and token.strip("="))


@dataclass(frozen=True)
class GivenJudge:
    """A judge as JUDGE0_URL names it. ``slots``: None where it says no number."""

    url: str
    slots: int | None = None


MOST_SLOTS = 100


def _discovered(value: str) -> Discovery:
    """Raises ValueError."""
    match = DISCOVERY.fullmatch(value)
    slots = None if match is None or match["slots"] is None else int(match["slots"])
    if match is None or not 1 <= int(match["port"]) <= 65_535 or slots == 0:
        raise ValueError("write the DNS name, the port, and how many slots each has: judges.internal:2358=3")
    return Discovery(match["name"], int(match["port"]), slots)


def _discovery(value: str) -> str:
    _discovered(value)
    return value


AUTO = re.compile(r"auto(:(?P<least>\d{1,3})-(?P<most>\d{1,3}))?")
AUTO_MOST = 20
"""Where `auto` says no bounds."""
FIRST_GUESS = 3
"""What `auto` begins with, where its bounds have it."""


def _concurrency(value: object) -> int | Bounds:
    """A number, `auto`, or `auto:2-12` with bounds."""
    match = AUTO.fullmatch(str(value))
    if match is not None:
        bounds = Bounds(int(match["least"] or 1), int(match["most"] or AUTO_MOST))
        if not 1 <= bounds.least <= bounds.most <= MOST_SLOTS:
            raise ValueError(f"write auto, or auto:2-12 with bounds from 1 to {MOST_SLOTS}")
        return bounds
    if not str(value).isdecimal() or not 1 <= int(str(value)) <= MOST_SLOTS:
        raise ValueError(f"write a number from 1 to {MOST_SLOTS}, or auto, or auto:2-12")
    return int(str(value))


def _scale(value: object) -> Bounds:
    """The fewest and the most judges."""
    match = re.fullmatch(r"(?P<least>\d{1,3}):(?P<most>\d{1,3})", str(value))
    if match is None or not 1 <= int(match["least"]) <= int(match["most"]):
        raise ValueError("write the fewest and the most judges, as 1:5")
    return Bounds(int(match["least"]), int(match["most"]))


LanguageName = Annotated[str, Field(min_length=1)]
IdByLanguage = Annotated[Mapping[LanguageName, PositiveInt], BeforeValidator(_mapped)]
MultiplierByLanguage = Annotated[
    Mapping[LanguageName, Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]], BeforeValidator(_mapped)
]


class SettingsError(Exception):
    """The environment is wrong; the message names each setting and what would be right."""


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    max_concurrent_submissions: Annotated[int | Bounds, PlainValidator(_concurrency)] = 3
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
    judge0_url: Annotated[str, AfterValidator(_judge_url)] | None = None
    judge0_discovery: Annotated[str, AfterValidator(_discovery)] | None = None
    judges_scale: Annotated[Bounds, PlainValidator(_scale)] | None = None
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
                self.judge0_api_key is None or self.judge0_url is None or any(map(self.takes_key, self._urls())),
                "JUDGE0_API_KEY needs JUDGE0_API_HOST, the host of a judge in JUDGE0_URL: that one alone gets it",
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
        self.judge_tokens()
        if broken:
            raise ValueError("; ".join(broken))
        return self

    def _object_store(self) -> tuple[str | None, ...]:
        return self.object_store_bucket, self.object_store_access_key_id, self.object_store_secret_access_key

    def given_judges(self) -> Mapping[str, GivenJudge]:
        return given_judges(self.judge0_url or "", alone=self.judge0_discovery is None)

    def _urls(self) -> list[str]:
        return [each.url for each in self.given_judges().values()]

    def takes_key(self, url: str) -> bool:
        """Whether the judge at ``url`` is the one that JUDGE0_API_KEY is for."""
        return self.judge0_api_host is not None and urlsplit(url).hostname == self.judge0_api_host.lower()

    def discovered(self) -> Discovery | None:
        return None if self.judge0_discovery is None else _discovered(self.judge0_discovery)

    def judge_tokens(self) -> Mapping[str, str]:
        """By judge; those that are found share one. Raises ValueError, without a token in it."""
        found = [] if self.judge0_discovery is None else [FOUND]
        return tokens_by_judge(self.judge0_auth_token or "", [*self.given_judges(), *found])

    @property
    def concurrency(self) -> Bounds | None:
        """Of each judge without a number of its own, where that is to be found out."""
        given = self.max_concurrent_submissions
        return given if isinstance(given, Bounds) else None

    @property
    def slots_each(self) -> int:
        """Of each judge without a number of its own; where it is to be found out, at the beginning."""
        given = self.max_concurrent_submissions
        return min(given.most, max(given.least, FIRST_GUESS)) if isinstance(given, Bounds) else given

    @property
    def total_slots(self) -> int:
        """Of all judges that are named, at the beginning."""
        return sum(each.slots or self.slots_each for each in self.given_judges().values()) or self.slots_each

    def rules(self) -> Rules:
        named = {name: getattr(self, name) for name in Rules.__dataclass_fields__}
        return Rules(**{**named, "max_concurrent_submissions": self.slots_each})


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
