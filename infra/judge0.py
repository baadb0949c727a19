"""Judge0Judge: a Judge0 host over HTTP. Everything travels base64 and explicit; outputs are compared on our side."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from functions.domain.question import Limits
from functions.domain.verdict import Ending, Execution
from functions.ports import JudgeBusy, Language, Program, Step, Unavailable
from infra.building import EXECUTABLE, MULTI_FILE, Recipe, build_item, is_build, recipe, run_item, zipped

FIELDS = "token,status_id,stdout,stderr,compile_output,exit_code,exit_signal,time,wall_time,memory,memory_limit"
LANGUAGES_SECONDS = 3600.0
LANGUAGES_RETRY_SECONDS = 10.0
"""How long a host that did not answer is not asked for its languages again."""
NEAR_LIMIT = 0.95
"""Judge0 has no status for memory: a program that died with so much of its limit in use died of it."""
OUT_OF_MEMORY = re.compile(
    rb"^(MemoryError|.*java\.lang\.OutOfMemoryError|.*std::bad_alloc|.*JavaScript heap out of memory)", re.M
)
"""... and so did one that says so, having asked for too much at once."""
LAST_BYTES = 10_000
"""Of a standard error, where a program says what it died of."""

PROBE_LIMITS = Limits(cpu_seconds=1.0, memory_kb=64_000, output_kb=1)

IN_PROGRESS = (1, 2)
ENDINGS = {
    3: Ending.WELL,
    4: Ending.WELL,
    5: Ending.TIME_LIMIT,
    6: Ending.COMPILATION_ERROR,
    7: Ending.RUNTIME_ERROR,  # SIGSEGV
    8: Ending.OUTPUT_LIMIT,  # SIGXFSZ
    9: Ending.RUNTIME_ERROR,  # SIGFPE
    10: Ending.RUNTIME_ERROR,  # SIGABRT
    11: Ending.RUNTIME_ERROR,  # exit code
    12: Ending.RUNTIME_ERROR,  # other signals
    13: Ending.INTERNAL_ERROR,
    14: Ending.RUNTIME_ERROR,  # exec format error
}
LABEL = re.compile(r"(?P<language>.+?) \((?:(?P<vendor>\D.*?) )?(?P<version>\d[\w.+-]*)\)")
VENDORS = ("GCC", "OpenJDK", "Node.js")
"""Where a host has a language from several vendors, these come before others."""


class Judge0Judge:
    """``headers`` carry the credentials. ``timeout`` in seconds bounds one call.

    ``pinned``: the host's id for a language, where it is not to be its newest version. One that the host does not
    have is not offered: another version than the one that was chosen would be a surprise.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], timeout: float, pinned: Mapping[str, int] | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._seconds = timeout
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy or .netrc of the machine is none of the judge's affair
        self._session.headers.update(headers)
        self._session.mount("http://", HTTPAdapter(pool_maxsize=32))
        self._session.mount("https://", HTTPAdapter(pool_maxsize=32))
        self._pinned = dict(pinned or {})
        self._languages: dict[str, Language] = {}
        self._ids: set[int] = set()
        self._recipes: dict[str, Recipe | None] = {}
        self._languages_until = 0.0

    def close(self) -> None:
        self._session.close()

    def create(self, programs: Sequence[Program]) -> list[str | None]:
        known = {name: language.judge_id for name, language in self._known_languages().items()}
        recipes = self._recipes
        sendable = [program for program in programs if program.language in known]
        tokens: list[str | None] = []
        if sendable:
            items = [_item(each, known[each.language], recipes.get(each.language)) for each in sendable]
            answer = self._call("POST", "/submissions/batch?base64_encoded=true", {"submissions": items})
            if not isinstance(answer, list) or len(answer) != len(items):
                raise Unavailable("the judge answered a batch with something else")
            tokens = [item.get("token") if isinstance(item, dict) else None for item in answer]
        given = iter(tokens)
        return [next(given) if program.language in known else None for program in programs]

    def poll(self, tokens: Sequence[str]) -> dict[str, Execution | None]:
        query = f"?tokens={','.join(tokens)}&base64_encoded=true&fields={FIELDS}"
        answer = self._call("GET", "/submissions/batch" + query)
        try:
            found = [item for item in answer["submissions"] if item is not None]
            return {item["token"]: _execution(item) for item in found}
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("the judge answered a poll with something else") from error

    def languages(self) -> tuple[Language, ...]:
        return tuple(self._asked_languages().values())

    def builds(self, language: str) -> bool:
        known = self._known_languages()
        if language not in known or not {EXECUTABLE, MULTI_FILE} <= self._ids:
            return False
        if language not in self._recipes:
            shown = self._call("GET", f"/languages/{known[language].judge_id}", also=(404,))
            self._recipes = {**self._recipes, language: recipe(shown)}
        return self._recipes[language] is not None

    def is_build(self, language: str, output: bytes) -> bool:
        made_by = self._recipes.get(language)
        return made_by is not None and is_build(made_by, output)

    def _known_languages(self) -> dict[str, Language]:
        """Asked for only where none are known: sending a batch is one call."""
        return self._languages or self._asked_languages()

    def _asked_languages(self) -> dict[str, Language]:
        if time.monotonic() >= self._languages_until:
            try:
                listed = _listed(self._call("GET", "/languages"))
                self._languages, self._ids, self._recipes = (
                    _by_name(listed, self._pinned),
                    {number for number, _ in listed},
                    {},
                )
                self._languages_until = time.monotonic() + LANGUAGES_SECONDS
            except Unavailable:
                self._languages_until = time.monotonic() + LANGUAGES_RETRY_SECONDS
        if not self._languages:
            raise Unavailable("the judge has not told its languages yet")
        return self._languages

    def probe(self) -> None:
        """Sends a program of one byte: only this goes the way of all submissions, through its database and its queue.

        Its `/about` answers also where neither is there.
        """
        language = next(iter(self._known_languages()))
        self.create([Program(b"1", language, b"", PROBE_LIMITS)])

    def _call(self, method: str, path: str, body: object = None, also: Sequence[int] = ()) -> Any:
        """The JSON of the answer, within the time-out altogether. Raises Unavailable."""
        until = time.monotonic() + self._seconds
        times = (0.2 * self._seconds, 0.8 * self._seconds)  # to connect, and for the begin of the answer
        try:
            with self._session.request(
                method, self._url + path, json=body, timeout=times, stream=True, allow_redirects=False
            ) as answer:
                content = b"".join(_pieces(answer, until))
        except (requests.RequestException, HTTPError) as error:
            raise Unavailable(f"the judge: {type(error).__name__}") from error
        if answer.status_code in (429, 503):
            raise JudgeBusy(f"the judge answered {answer.status_code}", _seconds(answer.headers.get("Retry-After")))
        if answer.status_code not in (200, 201, 422, *also):  # 422: every item of a batch is invalid, told one by one
            raise Unavailable(f"the judge answered {answer.status_code}")
        try:
            return json.loads(content)
        except ValueError as error:
            raise Unavailable("the judge answered with something other than JSON") from error


def _pieces(answer: requests.Response, until: float) -> Iterator[bytes]:
    """As they come, each in what is left of the time: the socket's own time-out would begin anew with each."""
    while piece := answer.raw.read1(decode_content=True):
        yield piece
        left = until - time.monotonic()
        if left <= 0:
            raise Unavailable("the judge did not finish its answer in time")
        connection = answer.raw.connection
        if connection is not None and connection.sock is not None:  # else all of it is here
            connection.sock.settimeout(left)


def _item(program: Program, language_id: int, made_by: Recipe | None) -> dict[str, object]:
    if program.step is Step.BUILD and made_by is not None:
        return {**build_item(made_by, program.source), "enable_network": False}
    if program.step is Step.RUN and made_by is not None and program.build is not None:
        what = run_item(made_by, program.build, program.files)
    else:
        what = {"source_code": base64.b64encode(program.source).decode(), "language_id": language_id}
        if program.files:
            what["additional_files"] = zipped(program.files)
    if program.arguments:
        what["command_line_arguments"] = " ".join(program.arguments)
    limits = program.limits
    return {
        **what,
        "stdin": base64.b64encode(program.stdin).decode(),
        "cpu_time_limit": limits.cpu_seconds,
        "wall_time_limit": limits.wall_seconds,
        "memory_limit": limits.memory_kb,
        "max_file_size": limits.output_kb,
        "enable_network": False,
    }


def _execution(item: Mapping[str, Any]) -> Execution | None:
    if item["status_id"] in IN_PROGRESS:
        return None
    ending = ENDINGS.get(item["status_id"], Ending.INTERNAL_ERROR)
    memory, limit, stderr = item["memory"], item.get("memory_limit"), _bytes(item["stderr"])
    if ending is Ending.RUNTIME_ERROR:
        at_limit = memory and limit and memory >= NEAR_LIMIT * float(limit)
        if at_limit or OUT_OF_MEMORY.search(stderr[-LAST_BYTES:]):
            ending = Ending.MEMORY_LIMIT
    return Execution(
        ending=ending,
        stdout=_bytes(item["stdout"]),
        stderr=stderr,
        compile_output=_bytes(item["compile_output"]),
        exit_code=item["exit_code"],
        exit_signal=item["exit_signal"],
        time_seconds=_float(item["time"]),
        wall_seconds=_float(item["wall_time"]),
        memory_kb=memory,
    )


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)


def _bytes(encoded: str | None) -> bytes:
    """Judge0 breaks lines after 60 characters. Raises ValueError for anything else that is no base64."""
    return b"" if encoded is None else base64.b64decode(encoded.replace("\n", ""), validate=True)


def _seconds(retry_after: str | None) -> float | None:
    """RFC 9110, section 10.2.3: a number of seconds, or a date."""
    if retry_after is None or retry_after.isdecimal():
        return None if retry_after is None else float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _listed(answer: Any) -> list[tuple[int, str]]:
    """The ids and labels of the host's languages."""
    try:
        return [(int(item["id"]), str(item["name"])) for item in answer]
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("the judge answered /languages with something else") from error


def _by_name(listed: Sequence[tuple[int, str]], pinned: Mapping[str, int]) -> dict[str, Language]:
    """The host's languages by the name that a submission uses; of several versions the pinned one or the newest."""
    best: dict[str, tuple[tuple[bool, tuple[int, ...]], Language]] = {}
    for number, label in listed:
        match = LABEL.fullmatch(label)
        if match is None:  # "Executable", "Multi-file program": no language of a student's
            continue
        name = _name(match["language"])
        version = tuple(int(part) for part in re.findall(r"\d+", match["version"]))
        rank = (match["vendor"] in VENDORS, version)
        if pinned.get(name, number) == number and (name not in best or rank > best[name][0]):
            best[name] = (rank, Language(name, label, match["version"], number))
    return {name: language for name, (_, language) in sorted(best.items())}


def _name(language: str) -> str:
    """ "C++" -> cpp, "C#" -> csharp, "Python for ML" -> python-for-ml."""
    spelled = language.lower().replace("+", "p").replace("#", "sharp")
    return re.sub(r"[^a-z0-9]+", "-", spelled).strip("-")
