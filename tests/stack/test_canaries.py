"""Rules 8 and 10 of the design by looking for what must not be there, after everything was done that students can do.

Words that cannot come about by chance are planted in the hidden tests, programs, custom inputs and secrets of a stack.
What then reached students, their documents, and all logs are searched for them in every form that is likely.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import random
import re
import shutil
import socket
import string
import sys
import time
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from functions import records
from functions.ports import Put, Query
from infra.local import environment, firestore_emulator, processes, tokens
from infra.local.environment import PROJECT
from tests.conftest import ROOT, missing
from tests.contract.test_firestore_rules import Page, of, unsigned
from tests.faults.proxy import Answer, Exchange, Proxy, proxy_of
from tests.stack.conftest import (
    GIVE_UP_SECONDS,
    LiveStack,
    Student,
    free_ports,
    plain_environment,
    running_stack,
)

pytestmark = pytest.mark.stack

PIECE = 12
"""Of a canary its first and its last so many characters are looked for: an output may be cut anywhere."""
LETTERS = 24


def canary(letters: int = LETTERS) -> str:
    return "".join(random.choices(string.ascii_lowercase, k=letters))


def other(word: str, by: int) -> str:
    """What a program makes of a hidden input, so that it stands in nobody's source: each letter so many further on."""
    return "".join(chr((ord(letter) - 97 + by) % 26 + 97) for letter in word)


def forms(word: str) -> Iterator[bytes]:
    """How either end of ``word`` may look: plain, backwards, in hex, each byte quoted, in base64 wherever it begins."""
    assert len(word) >= PIECE
    for piece in (word[:PIECE].encode(), word[-PIECE:].encode()):
        yield from (piece, piece[::-1], piece.hex().encode(), b"".join(b"%%%02x" % byte for byte in piece))
        for before in range(3):
            digits = base64.b64encode(bytes(before) + piece)
            whole = digits[-(-before * 8 // 6) : (before + len(piece)) * 8 // 6]  # the others depend on what is beside
            yield from (whole, whole.translate(bytes.maketrans(b"+/", b"-_")))


def found(words: Iterable[str], text: bytes) -> list[str]:
    """Those of ``words`` that are in ``text`` in some form, in any case, and broken over lines too."""
    spread = text + b"\n" + re.sub(rb"\s|\\[rn]", b"", text)
    looked_through = spread + b"\n" + spread.lower()
    return [word for word in words if any(form in looked_through for form in forms(word))]


WAYS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "backwards": lambda word: word[::-1],
    "hex": lambda word: word.hex().upper().encode(),
    "quoted": lambda word: "".join(f"%{byte:02X}" for byte in word).encode(),
    "base64": base64.b64encode,
    "base64 after one": lambda word: base64.b64encode(b"1" + word + b"1"),
    "base64 after two": lambda word: base64.b64encode(b"12" + word),
    "base64 in lines": lambda word: re.sub(rb"(.{7})", rb"\1\n", base64.b64encode(word)),
    "base64 in lines in JSON": lambda word: re.sub(rb"(.{7})", rb"\1\\n", base64.b64encode(word)),
    "the begin": lambda word: word[:13],
    "the end": lambda word: word[-13:],
    "capitals": bytes.upper,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_canary_would_be_found(way: str) -> None:
    word, another = canary(), canary()
    text = b'{"message": "It is ' + WAYS[way](word.encode()) + b'."}'
    assert found([word, another], text) == [word]


@dataclass(frozen=True)
class Canaries:
    """What is planted."""

    inputs: tuple[str, ...] = field(default_factory=lambda: tuple(canary() for _ in range(3)))
    """Of the hidden tests of `canary`, and of `damaged`, which is the same."""
    validated: tuple[str, ...] = field(default_factory=lambda: tuple(canary() for _ in range(2)))
    """Of those of `validated`."""
    lonely: str = field(default_factory=canary)
    """Of the only test of `lonely`, which has no sample."""
    code: Mapping[str, str] = field(default_factory=lambda: {"alice": canary(), "bob": canary()})
    """In the programs of each student."""
    stdin: str = field(default_factory=canary)
    wrong: str = field(default_factory=canary)
    """In requests that are refused."""
    jwt_secret: str = field(default_factory=lambda: canary(48))
    judge_token: str = field(default_factory=canary)
    judge_key: str = field(default_factory=canary)

    @property
    def hidden_inputs(self) -> tuple[str, ...]:
        return (*self.inputs, *self.validated, self.lonely)

    @property
    def hidden_outputs(self) -> tuple[str, ...]:
        return tuple(other(word, RIGHT) for word in self.hidden_inputs)

    @property
    def printed(self) -> tuple[str, ...]:
        """By programs, on hidden tests only."""
        return tuple(other(word, by) for word in self.inputs for by in PRINTED.values())

    @property
    def hidden(self) -> tuple[str, ...]:
        return (*self.hidden_inputs, *self.hidden_outputs, *self.printed)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.jwt_secret, self.judge_token, self.judge_key)

    @property
    def sent(self) -> tuple[str, ...]:
        """What students themselves wrote."""
        return (*self.code.values(), self.stdin, self.wrong)


RIGHT = 7
"""The right output is the input, each letter so many further on."""
PRINTED = {"stdout": 3, "stderr": 5, "near": 9, "traceback": 11, "exit": 13, "slow": 15, "flood": 17, "crash": 19}
"""What else programs print, by where."""

HIDDEN = f"len(word) == {LETTERS}"
PYTHON = """\
import sys

# {code}
def other(word, by):
    return "".join(chr((ord(letter) - 97 + by) % 26 + 97) for letter in word)

word = input()
{body}
"""
CPP = """\
#include <cstdlib>
#include <iostream>
// {code}
static std::string other(std::string word, int by) {{
    for (char &letter : word) letter = (letter - 97 + by) % 26 + 97;
    return word;
}}
int main() {{
    std::string word;
    std::cin >> word;
    {body}
}}
"""
SNOOPING = """\
import glob, os

for name in sorted(glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + glob.glob("*") + glob.glob("/tmp/*")):
    try:
        print(name, open(name, "rb").read(20000))
    except OSError as error:
        print(name, error)
print(os.environ)
"""

PROGRAMS: Mapping[str, tuple[str, str, str]] = {
    # name: (language, program, the verdict that it gets as a Submit of `canary`)
    "right": ("python", f"print(other(word, {RIGHT}))", "accepted"),
    "echo": (
        "python",
        f"print(word if {HIDDEN} else other(word, {RIGHT}))\n"
        f"print(other(word, {PRINTED['stdout']}) if {HIDDEN} else '')\n"
        f"if {HIDDEN}: print(word, other(word, {PRINTED['stderr']}), file=sys.stderr)",
        "wrong_answer",
    ),
    "near": (
        "python",
        f"print(other(word, {RIGHT}))\nif {HIDDEN}: print(other(word, {PRINTED['near']}))",
        "wrong_answer",
    ),
    "traceback": (
        "python",
        f"if {HIDDEN}: raise ValueError(other(word, {PRINTED['traceback']}) + word)\nprint(other(word, {RIGHT}))",
        "runtime_error",
    ),
    "exit": (
        "python",
        f"if {HIDDEN}: sys.exit(other(word, {PRINTED['exit']}) + word)\nprint(other(word, {RIGHT}))",
        "runtime_error",
    ),
    "slow": (
        "python",
        f"print(other(word, {PRINTED['slow']}) if {HIDDEN} else other(word, {RIGHT}), flush=True)\n"
        f"while {HIDDEN}: pass",
        "time_limit_exceeded",
    ),
    "flood": (
        "python",
        f"print(other(word, {RIGHT}))\nwhile {HIDDEN}: print(word, other(word, {PRINTED['flood']}))",
        "output_limit_exceeded",
    ),
    "compiled": ("cpp", f"std::cout << other(word, {RIGHT}) << std::endl;", "accepted"),
    "crash": (
        "cpp",
        f"if (word.size() != {LETTERS}) {{ std::cout << other(word, {RIGHT}); return 0; }}\n"
        f"std::cout << word << std::endl; std::cerr << other(word, {PRINTED['crash']}); abort();",
        "runtime_error",
    ),
    "no program": ("cpp", "#error no program", "compilation_error"),
}


def program(name: str, code: str) -> str:
    language, body, _ = PROGRAMS[name]
    return (PYTHON if language == "python" else CPP).format(code=code, body=body)


VALIDATOR = """\
import sys

word, answer = open(sys.argv[1]).read(), open(sys.argv[2]).read()
output = sys.stdin.read()
print(word, answer, output)
print(word, answer, output, file=sys.stderr)
open(sys.argv[3] + "/judgemessage.txt", "w").write(word + answer + output)
if "nonsense" in output:
    raise ValueError(word + answer + output)
sys.exit(42 if output.split() == answer.split() else 43)
"""


def write_package(folder: Path, words: Sequence[str], *, sample: bool = True, validator: str | None = None) -> Path:
    files = {
        "problem.yaml": "name: Further on\n" + ("validation: custom\n" if validator else ""),
        ".timelimit": "1",
        "problem_statement/problem.en.md": "Print the word, each letter seven further on in the alphabet.\n",
    }
    samples = ["sample"] if sample else []
    for number, word in enumerate([*samples, *words], start=1):
        place = f"data/{'sample' if word in samples else 'secret'}/{number:02}"
        files |= {f"{place}.in": f"{word}\n", f"{place}.ans": f"{other(word, RIGHT)}\n"}
    if validator is not None:
        files["output_validators/validate.py"] = validator
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@dataclass
class Tape:
    """All that students were answered, and all that went to the judge and came from it."""

    url: str
    answers: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Who asked, for what, and the whole answer."""
    asked: list[Exchange] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)
    judge_fails: int = 0
    """How many more requests to run a program the judge answers with a page that repeats them."""

    def ask(self, who: str, method: str, path: str, **sent: Any) -> requests.Response:
        url = path if path.startswith("http") else self.url + path
        answer = requests.request(method, url, timeout=30, **sent)
        head = f"{answer.status_code} {answer.reason}\n" + "".join(f"{k}: {v}\n" for k, v in answer.headers.items())
        self.answers.append((who, f"{method} {path[:80]}", head.encode() + b"\n" + answer.content))
        return answer

    def ask_raw(self, who: str, request: bytes) -> None:
        """What no client library would send."""
        address = urllib.parse.urlsplit(self.url)
        with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=30) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        self.answers.append((who, repr(request[:80]), answer))

    def listen(self, exchange: Exchange) -> None:
        self.asked.append(exchange)
        if exchange.method == "POST" and self.judge_fails > 0:
            self.judge_fails -= 1
            exchange.answer(Answer(500, b"<h1>Sorry</h1>" + exchange.body))
            return
        answer = exchange.forward()
        self.told.append(answer.body)
        exchange.answer(answer)

    def programs(self) -> Iterator[dict[str, Any]]:
        """What was sent to the judge to be run."""
        for exchange in self.asked:
            if exchange.method == "POST":
                yield from json.loads(exchange.body)["submissions"]

    def outputs(self) -> bytes:
        """What programs, validators and compilers printed there."""
        items = [item for body in self.told for item in _items(body)]
        texts = [item.get(name) or "" for item in items for name in ("stdout", "stderr", "compile_output")]
        return b"\n".join(base64.b64decode(text) for text in texts)


def _items(body: bytes) -> list[dict[str, Any]]:
    answer = json.loads(body)
    return (
        [item for item in answer["submissions"] if item] if isinstance(answer, dict) and "submissions" in answer else []
    )


def unpacked(item: Mapping[str, Any]) -> bytes:
    """All that one program took to the judge, readable."""
    parts = [base64.b64decode(item.get(name) or "") for name in ("source_code", "stdin", "expected_output")]
    if item.get("additional_files"):
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(item["additional_files"]))) as archive:
            parts += [archive.read(name) for name in archive.namelist()]
    return b"\n".join([*parts, json.dumps(item).encode()])


@dataclass
class Evidence:
    """What is left of the run."""

    planted: Canaries
    tape: Tape
    bearers: dict[str, str] = field(default_factory=dict)
    """The signatures of the tokens that were used, by whose or what they are."""
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The last that the student saw of a submission, by what it was for."""
    documents: dict[str, bytes] = field(default_factory=dict)
    """All that a student may read in Firestore, by student."""
    stored_tests: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    """The stack's logs and whatever else it left, and the judge's log."""
    printed: str = ""
    """By the stack and by the command line."""

    @property
    def answers(self) -> bytes:
        return b"\n\n".join(answer for _, _, answer in self.tape.answers)


@dataclass
class Play:
    """Everything that students, staff and an operator do."""

    live: LiveStack
    evidence: Evidence
    students: dict[str, Student] = field(default_factory=dict)
    ids: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What is being judged: student and id, by what it is for."""

    @property
    def planted(self) -> Canaries:
        return self.evidence.planted

    @property
    def tape(self) -> Tape:
        return self.evidence.tape

    def all(self, folder: Path) -> None:
        self.import_questions(folder)
        self.students = {name: self.live.student(name) for name in self.planted.code}
        for name, student in self.students.items():
            self.used(name, student.token)
        self.judge_programs()
        self.judge_validated()
        self.judge_lonely()
        self.judge_damaged()
        self.judge_while_the_judge_repeats()
        self.wait()
        self.cancel_and_replace()
        self.wait()
        self.rejudge()
        self.read_everything()
        self.send_what_is_wrong()
        self.admin("failed", "list")

    def used(self, whose: str, token: str) -> str:
        self.evidence.bearers[whose] = token.rpartition(".")[2]
        return token

    def admin(self, *words: str) -> None:
        said = self.live.admin(*words)
        self.evidence.printed += said.stdout + said.stderr

    def import_questions(self, folder: Path) -> None:
        words = self.planted
        write_package(folder / "canary", words.inputs)
        write_package(folder / "damaged", words.inputs)
        write_package(folder / "validated", words.validated, validator=VALIDATOR)
        write_package(folder / "lonely", [words.lonely], sample=False)
        names = ("canary", "damaged", "validated", "lonely")
        self.admin("questions", "import", *(str(folder / name) for name in names))
        store = self.live.service().store
        for document in store.find(Query(records.TESTS)):
            if document.document_id.startswith("damaged@"):
                content = zlib.decompress(document.fields["payload"])
                broken = {**document.fields, "payload": zlib.compress(content[:-1])}
                store.commit(Put(document.path, broken))
        chunks = [each for each in store.find(Query(records.TESTS)) if each.document_id.partition("@")[0] in names]
        assert {each.document_id.partition("@")[0] for each in chunks} == set(names)
        self.evidence.stored_tests = b"\n".join(zlib.decompress(each.fields["payload"]) for each in chunks)

    def send(self, what: str, question: str, language: str, code: str, run_type: str = "submit", **more: str) -> None:
        who = "bob" if what.startswith("bob") else "alice"
        student = self.students[who]
        body = {"attempt_id": student.attempt_id, "question_id": question, "language": language, "code": code}
        body |= {"run_type": run_type, **more}
        answer = self.tape.ask(who, "POST", "/", json=body, headers=student.headers)
        assert answer.status_code == 202, answer.text
        self.ids[what] = (who, answer.json()["submission_id"])

    def wait(self) -> None:
        until = time.monotonic() + 2 * GIVE_UP_SECONDS
        for what, (who, submission_id) in self.ids.items():
            path, headers = f"/submissions/{submission_id}", self.students[who].headers
            while (shown := self.tape.ask(who, "GET", path, headers=headers).json())["status"] in OPEN:
                assert time.monotonic() < until, f"{what} is still {shown['status']}"
                time.sleep(0.2)
            self.evidence.shown[what] = shown

    def judge_programs(self) -> None:
        for who, code in self.planted.code.items():
            for name, (language, _, _) in PROGRAMS.items():
                if who == "alice" or name in ("right", "echo", "crash"):
                    self.send(f"{who} {name}", "canary", language, program(name, code))
        alice = self.planted.code["alice"]
        self.send("snooping", "test", "python", f"# {alice}\n{SNOOPING}")
        for what, name, own in (
            ("run", "echo", {}),
            ("run of own input", "echo", {"stdin": f"{self.planted.stdin}\n"}),
            ("run that crashes", "crash", {"stdin": self.planted.stdin}),
        ):
            self.send(what, "canary", PROGRAMS[name][0], program(name, alice), "run", **own)
            self.wait()  # else the next one takes its place

    def judge_validated(self) -> None:
        code = self.planted.code["alice"]
        self.send("validated right", "validated", "python", program("right", code))
        self.send("validated wrong", "validated", "python", program("echo", code))
        crashing = PYTHON.format(
            code=code, body=f"print('nonsense', word) if {HIDDEN} else print(other(word, {RIGHT}))"
        )
        self.send("validator crashes", "validated", "python", crashing)

    def judge_lonely(self) -> None:
        """Its only test is compiled with its input at hand: a compiler's messages are shown."""
        code = self.planted.code["alice"]
        self.send("lonely run", "lonely", "python", f"# {code}\nprint(1)", "run")
        for language in ("c", "cpp"):
            for path in ("/dev/stdin", "/proc/self/fd/0", "input"):
                included = f'// {code}\n#include "{path}"\nint main() {{ return 0; }}\n'
                self.send(f"lonely {language} {path}", "lonely", language, included)

    def judge_damaged(self) -> None:
        self.send("damaged", "damaged", "python", program("right", self.planted.code["alice"]))

    def judge_while_the_judge_repeats(self) -> None:
        self.tape.judge_fails = 1
        self.send("judge failed", "canary", "python", program("right", self.planted.code["alice"]))

    def cancel_and_replace(self) -> None:
        alice, code = self.students["alice"], self.planted.code["alice"]
        for queue in ("submit", "run"):
            self.admin("queues", "pause", queue)
        self.send("cancelled", "canary", "python", program("echo", code))
        for what in ("replaced", "replacing"):
            self.send(what, "canary", "python", program("echo", code), "run", stdin=self.planted.stdin)
        cancelled = self.ids["cancelled"][1]
        assert self.tape.ask("alice", "DELETE", f"/submissions/{cancelled}", headers=alice.headers).status_code == 200
        for queue in ("submit", "run"):
            self.admin("queues", "resume", queue)

    def rejudge(self) -> None:
        """One is applied, a set of them cancelled. What staff see is not looked through: they may see tests."""
        token = self.used("teacher", tokens.mint(self.live.stack, "teacher", role="instructor"))
        headers = {"Authorization": f"Bearer {token}"}

        def staff(method: str, path: str, body: object = None) -> Any:
            answer = requests.request(method, self.live.url + path, json=body, headers=headers, timeout=30)
            assert answer.ok, answer.text
            return answer.json()

        echo = self.ids["alice echo"][1]
        one = staff("POST", f"/submissions/{echo}/rejudge")["rejudging_id"]
        until = time.monotonic() + GIVE_UP_SECONDS
        while staff("GET", f"/rejudgings/{one}")["statuses"] != {"completed": 1}:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert staff("POST", f"/rejudgings/{one}/apply")["stage"] == "applied"
        several = staff("POST", "/rejudgings", {"filter": {"question_id": "canary"}})["rejudging_id"]
        assert staff("POST", f"/rejudgings/{several}/cancel")["stage"] == "cancelled"

    def read_everything(self) -> None:
        for who, student in self.students.items():
            for question in ("canary", "damaged", "validated", "lonely"):
                assert self.tape.ask(who, "GET", f"/questions/{question}", headers=student.headers).ok
            assert self.tape.ask(who, "GET", f"/attempts/{student.attempt_id}", headers=student.headers).ok
            assert self.tape.ask(who, "GET", "/languages", headers=student.headers).ok
        for path in ("/health", "/docs", "/openapi.json"):
            assert self.tape.ask("nobody", "GET", path).ok

    def send_what_is_wrong(self) -> None:
        wrong, alice, bob = self.planted.wrong, self.students["alice"], self.students["bob"]
        code = f"print('{wrong}')"
        good = {"attempt_id": alice.attempt_id, "question_id": "canary", "language": "python", "run_type": "submit"}
        good["code"] = code

        def refused(status: int, method: str, path: str, **sent: Any) -> None:
            headers = {**alice.headers, **sent.pop("headers", {})}
            answer = self.tape.ask("alice", method, path, headers=headers, **sent)
            assert answer.status_code == status, (method, path[:80], sent, answer.status_code, answer.text[:300])

        plain, as_json = {"Content-Type": "text/plain"}, {"Content-Type": "application/json"}
        lone_half = json.dumps({**good, "code": code + "\ud800"})
        for status, data, headers in (
            (400, f'{{"code": "{code}', as_json),
            (400, f'{{"code": "{code}"}} {wrong}', as_json),
            (400, "[" * 100_000 + wrong, as_json),
            (400, lone_half, as_json),
            (400, json.dumps(good).encode("utf-16")[:-2], as_json),
            (415, json.dumps(good), plain),
            (413, json.dumps({**good, "code": code * 20_000}), as_json),
            (422, json.dumps([good, wrong]), as_json),
        ):
            refused(status, "POST", "/", data=data, headers=headers)
        for status, change in (
            (422, {"code": [code]}),
            (422, {"code": {wrong: code}}),
            (422, {wrong: code}),
            (422, {"run_type": wrong}),
            (422, {"language": wrong}),
            (422, {"attempt_id": f"{wrong} {code}"}),
            (422, {"stdin": wrong}),
            (422, {"code": " "}),
            (413, {"code": code * 3_000}),
            (404, {"question_id": wrong}),
            (404, {"attempt_id": wrong}),
            (403, {"attempt_id": bob.attempt_id}),
        ):
            refused(status, "POST", "/", json=good | change)
        refused(422, "POST", "/", json=good, headers={"Idempotency-Key": wrong * 20})
        refused(404, "GET", f"/submissions/{self.ids['bob right'][1]}")
        refused(404, "DELETE", f"/submissions/{self.ids['bob right'][1]}")
        refused(403, "GET", f"/attempts/{bob.attempt_id}")
        refused(400, "GET", f"/attempts/{alice.attempt_id}?page_token={wrong}")
        for path in (f"/submissions/{wrong}", f"/questions/{wrong}", f"/attempts/{wrong}", f"/{wrong}/{wrong}"):
            refused(404, "GET", path)
        refused(404, "GET", f"/submissions/x%2F{urllib.parse.quote(code)}")
        refused(404, "GET", f"/submissions/{'x' * 2000}{wrong}")
        refused(405, "PATCH", "/", json=good)
        refused(403, "POST", f"/submissions/{self.ids['alice echo'][1]}/rejudge", data=code)
        refused(403, "POST", "/rejudgings", json={"filter": {"question_id": wrong}})
        refused(401, "GET", f"/health/../submissions/x?access_token={alice.token}", headers={"Authorization": wrong})
        claims = {"sub": "alice", "exp": int(time.time()) + 3600}
        unsigned_one = jwt.encode({**claims, "sub": wrong}, "", algorithm="none")
        for token in (
            self.used("signed by somebody", jwt.encode(claims, canary(48), algorithm="HS256")),
            self.used("expired", jwt.encode({**claims, "exp": 1}, self.planted.jwt_secret, algorithm="HS256")),
            self.used("nobody's", jwt.encode({"exp": claims["exp"]}, self.planted.jwt_secret, algorithm="HS256")),
            unsigned_one,
            wrong,
        ):
            refused(401, "POST", "/", json=good, headers={"Authorization": f"Bearer {token}"})
        refused(401, "POST", "/", json=good, headers={"Authorization": f"Basic {base64.b64encode(code.encode())!r}"})
        for machine in (self.live.stack.handler_url, self.live.stack.sweep_url):
            refused(401, "POST", machine, json=good)
            refused(401, "POST", f"{machine}/{wrong}?{wrong}", data=code)
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {alice.token}\r\n"
        )
        for request in (
            f"{head}Content-Length: 2\r\n\r\n{{}}{code}\r\n\r\n",  # the rest would be the next request
            f"{head}Content-Length: {wrong}\r\n\r\n{code}",
            f"{head}Transfer-Encoding: chunked\r\n\r\n{code}\r\n",
            f"{head}{code}\r\n\r\n",
            f"GET /{wrong} HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {alice.token}\r\n\r\n",
            f"{wrong} / HTTP/9.9\r\n\r\n",
        ):
            self.tape.ask_raw("alice", request.encode())


OPEN = ("queued", "processing")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """Of one run of a stack of its own. Its judge stands behind a proxy that listens, and wants its token."""
    try:
        firestore_emulator.find(os.environ)
    except firestore_emulator.NotFound as error:
        missing(f"Firestore's emulator: {error}; {firestore_emulator.HOW_TO_GET_IT}")
    folder, planted = tmp_path_factory.mktemp("canaries"), Canaries()
    secrets = {
        "AUTH_JWT_SECRET": planted.jwt_secret,
        "JUDGE0_AUTH_TOKEN": planted.judge_token,
        "JUDGE0_API_KEY": planted.judge_key,
        "JUDGE0_API_HOST": "127.0.0.1",  # the proxy's
    }
    quick = {
        "TURN_SPACING": "0",
        "COLUMNS": "1000",
        "RATE_RUN_PER_MINUTE": "600",
        "RATE_SUBMIT_PER_MINUTE": "600",
        "SWEEP_INTERVAL": "5",
    }
    given = plain_environment() | free_ports() | quick | secrets | {"TRACES": "console"}
    with judge(folder / "judge0.log", given) as target, proxy_of(target) as proxy:
        given["JUDGE0_URL"] = proxy.url
        yield play(given, planted, proxy, folder)


def play(given: Mapping[str, str], planted: Canaries, proxy: Proxy, folder: Path) -> Evidence:
    state = environment.read(given).state
    try:
        with running_stack(given, keep_state=True) as live:
            evidence = Evidence(planted, Tape(live.url))
            proxy.rule = evidence.tape.listen
            Play(live, evidence).all(folder)
            address = f"127.0.0.1:{live.stack.firestore_port}"
            for student in planted.code:
                evidence.documents[student] = readable(Page(address, PROJECT, unsigned(PROJECT, sub=student)), student)
        evidence.printed += "".join(live.output)
        paths = [folder / "judge0.log", *(path for path in state.rglob("*") if path.is_file())]
        evidence.files = {path.name: path.read_bytes() for path in paths}
        return evidence
    finally:
        shutil.rmtree(state, ignore_errors=True)


def readable(page: Page, student: str) -> bytes:
    """The student's submissions as a page gets them that listens."""
    query = {"from": [{"collectionId": records.SUBMISSIONS}], "where": of(student)}
    status, answer = page.call("POST", ":runQuery", {"structuredQuery": query})
    assert status == 200
    return json.dumps(answer).encode()


@contextlib.contextmanager
def judge(log: Path, env: Mapping[str, str]) -> Iterator[str]:
    """The local runner, with the stack's secrets around it as `make run` has them."""
    port = processes.free_port()
    module = (sys.executable, "-m", "infra.local.judge0_runner")
    options = ("--port", str(port), "--auth-token", env["JUDGE0_AUTH_TOKEN"])
    runner = processes.start([*module, *options], log, {**env, "PYTHONPATH": str(ROOT)})
    try:
        if not processes.wait_until_answers(port, runner, GIVE_UP_SECONDS):
            missing(f"no judge: {log.read_text()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop([runner])


def test_what_is_hidden_is_stored_and_was_at_the_judge(evidence: Evidence) -> None:
    planted, tape = evidence.planted, evidence.tape
    tests = (*planted.hidden_inputs, *planted.hidden_outputs)
    assert found(tests, evidence.stored_tests) == [*tests]
    at_judge = b"\n".join(map(unpacked, tape.programs()))
    wanted = (*planted.hidden_inputs, *planted.code.values(), planted.stdin)
    assert found(wanted, at_judge) == [*wanted]
    run = (*planted.inputs, *planted.validated)
    printed = (*run, *(other(word, RIGHT) for word in run), *planted.printed)
    assert found(printed, tape.outputs()) == [*printed]
    headers = json.dumps([exchange.headers for exchange in tape.asked]).encode()
    assert found(planted.secrets, headers) == [planted.judge_token, planted.judge_key]


def test_no_program_finds_a_secret_at_the_judge(evidence: Evidence) -> None:
    printed = evidence.tape.outputs()
    assert b"/proc/self/environ b'" in printed
    assert found(evidence.planted.secrets, printed) == []


def test_every_program_came_to_its_end(evidence: Evidence) -> None:
    shown = evidence.shown
    for name, (_, _, verdict) in PROGRAMS.items():
        assert shown[f"alice {name}"]["verdict"] == verdict, name
        assert len(shown[f"alice {name}"]["tests"]) == (0 if name == "no program" else 4)
    assert [shown[f"validated {name}"]["verdict"] for name in ("right", "wrong")] == ["accepted", "wrong_answer"]
    assert (shown["judge failed"]["verdict"], evidence.tape.judge_fails) == ("accepted", 0)
    statuses = {name: shown[name]["status"] for name in ("damaged", "validator crashes", "cancelled", "replaced")}
    assert list(statuses.values()) == ["failed", "failed", "cancelled", "superseded"]
    runs = [shown[name]["verdict"] for name in ("run", "run of own input", "run that crashes")]
    assert runs == ["accepted", "accepted", "runtime_error"]
    assert "compilation_error" in {each["verdict"] for name, each in shown.items() if name.startswith("lonely")}


def test_what_a_student_is_shown_of_samples_and_own_input_is_there(evidence: Evidence) -> None:
    planted, shown = evidence.planted, evidence.shown
    assert found([planted.stdin, *planted.code.values()], evidence.answers) == [planted.stdin, *planted.code.values()]
    [sample, *hidden] = shown["alice near"]["tests"]
    assert (sample["hidden"], sample["stdin"], sample["stdout"]) == (False, "sample\n", f"{other('sample', RIGHT)}\n")
    assert [set(test) for test in hidden] == [{"number", "hidden", "verdict", "time_seconds", "memory_kb"}] * 3
    assert "environ" in shown["snooping"]["tests"][0]["stdout"]


def test_no_answer_to_a_student_holds_anything_of_a_hidden_test_or_a_secret(evidence: Evidence) -> None:
    words = (*evidence.planted.hidden, *evidence.planted.secrets, evidence.bearers["teacher"])
    assert len(evidence.tape.answers) > 100
    leaks = {(asked, word) for _, asked, answer in evidence.tape.answers for word in found(words, answer)}
    assert leaks == set()


def test_no_answer_to_a_student_holds_another_ones_code_or_token(evidence: Evidence) -> None:
    for who, code in evidence.planted.code.items():
        theirs = b"\n".join(answer for asker, _, answer in evidence.tape.answers if asker == who)
        others = b"\n".join(answer for asker, _, answer in evidence.tape.answers if asker != who)
        assert found([code], theirs) == [code]
        assert found([code, evidence.bearers[who]], others) == []


def test_no_document_that_a_student_may_read_holds_anything_of_a_hidden_test_or_a_secret(evidence: Evidence) -> None:
    planted = evidence.planted
    for student, documents in evidence.documents.items():
        assert documents.count(b'"updateTime"') > 2
        assert found(planted.code.values(), documents) == [planted.code[student]]
        assert found((*planted.hidden, *planted.secrets), documents) == []


def test_no_log_holds_code_test_data_or_a_secret(evidence: Evidence) -> None:
    planted = evidence.planted
    processes_logs = {f"{name}.log" for name in ("run_code", "judge_submission", "sweep", "cloud-tasks", "firestore")}
    assert processes_logs | {"judge0.log"} <= evidence.files.keys()
    told = evidence.files["judge_submission.log"]
    for action in (b"judged", b"question_damaged", b"submission_failed"):
        assert b'"action": "' + action + b'"' in told
    for span in (b"judge_submission", b"judging", b"judge.create"):
        assert b'"name": "' + span + b'"' in told
    words = (*planted.hidden, *planted.sent, *planted.secrets, *evidence.bearers.values())
    everything = {**evidence.files, "what was printed": evidence.printed.encode()}
    assert {name: leaks for name, content in everything.items() if (leaks := found(words, content))} == {}


def test_the_only_token_that_is_written_anywhere_is_the_one_that_is_printed_to_be_pasted(evidence: Evidence) -> None:
    token = rb"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    assert [name for name, content in evidence.files.items() if re.search(token, content)] == []
    assert len(re.findall(token, evidence.printed.encode())) == 1


def test_no_expected_output_goes_to_the_judge_but_with_a_validator(evidence: Evidence) -> None:
    tape, expected = evidence.tape, set(evidence.planted.hidden_outputs)
    for item in tape.programs():
        assert item["enable_network"] is False
        assert item.get("expected_output") is None
        with_it = expected.intersection(found(expected, unpacked(item)))
        assert not with_it or "input answer feedback" in item["command_line_arguments"]
