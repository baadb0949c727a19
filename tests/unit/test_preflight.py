"""What preflight makes of what it saw, and the page that its test students sit at."""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infra.admin import preflight_report as report
from infra.admin.operations import OperationError
from infra.admin.preflight import Seat, certificate_of, given_seats, is_this_machine
from infra.admin.preflight_report import Certificate, Check, Cors, Solutions
from infra.admin.sitting import Look, Page, Sent
from infra.local import processes

HEALTH: dict[str, Any] = {
    "status": "healthy",
    "queue_length": 0,
    "processing": 0,
    "max_concurrent": 3,
    "uptime": 100,
    "judge": {"state": "closed", "since": None},
    "version": "0.1.0",
}


def judged(waited: float = 2.0, verdict: str = "accepted", run_type: str = "submit", recorded: float = 1000.5) -> Sent:
    """Pressed at second 1000, answered at 1001 and recorded in between; told its wait rightly all the time."""

    def stamp(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).isoformat()

    final = {
        "status": "completed",
        "verdict": verdict,
        "created_at": stamp(recorded),
        "started_at": stamp(recorded + waited),
    }
    looks = [Look(0.0, 3, waited), Look(1.0, 2, max(0.0, waited - 1.0)), Look(waited + 1.0, None, None)]
    return Sent(run_type, "accepted", "s1", None, 1000.0, 1001.0, looks, final, waited + 1.0)


def lost() -> Sent:
    return Sent("submit", "accepted", "s2", None, 1000.0, 1001.0, [Look(0.0, 1, 1.0), Look(90.0, 1, 1.0)], None, 90.0)


def refused(why: str = "answered 403") -> Sent:
    return Sent("submit", "accepted", refused=why)


def watched(*changes: dict[str, Any]) -> list[tuple[float, dict[str, Any]]]:
    return [(float(second), {**HEALTH, "uptime": 100 + second, **each}) for second, each in enumerate(changes)]


GOOD: list[tuple[str, Check]] = [
    ("health before", report.before(HEALTH)),
    ("health during", report.during(watched({"queue_length": 4, "processing": 3}, {"processing": 2}, {}, {}))),
    ("TLS", report.tls(Certificate("TLSv1.3", 60.0), this_machine=False)),
    ("languages", report.languages(Solutions({"python": ["sum"]}, ["cpp", "python"], ["sum"], []))),
    ("questions", report.questions(Solutions({}, ["python"], ["sum"], []))),
    ("accepted", report.accepted([judged()])),
    ("answers", report.answers(Counter({200: 3, 202: 1, 304: 9, 429: 2}))),
    ("verdicts", report.verdicts([judged(), replace(judged(verdict="wrong_answer"), expected="wrong_answer")])),
    ("positions", report.positions([judged()])),
    ("wait of a Submit", report.waits([judged(59.9)], "submit", 60.0)),
    ("told waits", report.told_waits([judged(2.0), judged(30.0)])),
    ("clocks", report.clocks([judged()])),
    ("cleaned up", report.cleaned(None, {"attempts": 1})),
]


@pytest.mark.parametrize(("name", "check"), GOOD, ids=[name for name, _ in GOOD])
def test_what_is_right_passes(name: str, check: Check) -> None:
    assert (check.name, check.passed) == (name, True), check.told


WRONG: list[tuple[str, Check, str]] = [
    ("no service", report.before(None), "does not answer"),
    ("degraded", report.before({**HEALTH, "status": "degraded"}), "degraded"),
    ("judge away", report.during(watched({}, {"judge": {"state": "open"}}, {})), "judge open"),
    ("store away", report.during(watched({}, {"status": "unhealthy"}, {})), "unhealthy"),
    ("too many at once", report.during(watched({"processing": 4}, {}, {})), "more were judged at once"),
    ("a cache before it", report.during([(0.0, HEALTH), (4.0, HEALTH)]), "stands still"),
    ("not done at the end", report.during(watched({}, {"queue_length": 2, "processing": 1})), "3 still there"),
    ("health away", report.during([(0.0, HEALTH), (1.0, None)]), "did not answer 1 times of 2"),
    ("plain http", report.tls(None, this_machine=False), "plain http"),
    ("not trusted", report.tls(Certificate(error="its certificate is not trusted"), this_machine=False), "trusted"),
    ("ends soon", report.tls(Certificate("TLSv1.3", 6.9), this_machine=False), "7 days"),
    ("no such language", report.languages(Solutions({"java": ["sum"]}, ["python"], ["sum"], [])), "java (of sum)"),
    ("no language at all", report.languages(Solutions({}, [], ["sum"], ["sum"])), "nothing"),
    ("no right solution", report.questions(Solutions({}, ["python"], ["sum"], ["sum"])), "of sum"),
    ("refused", report.accepted([judged(), refused()]), "1 of 2: 1 answered 403"),
    ("a 5xx", report.answers(Counter({200: 3, 503: 1})), "1 answered 5xx"),
    ("no answer", report.answers(Counter({200: 3, 0: 1})), "1 not at all"),
    ("a wrong verdict", report.verdicts([judged(verdict="wrong_answer")]), "s1: wrong_answer instead of accepted"),
    ("a verdict that never came", report.verdicts([judged(), lost()]), "1 of 2 right; 1 never came (s2)"),
    ("nothing judged", report.verdicts([refused()]), "0 of 0"),
    ("a long wait", report.waits([judged(2.0), judged(60.5)], "submit", 60.0), "60.5 s, 60 s allowed"),
    ("a wait without end", report.waits([judged(2.0), lost()], "submit", 60.0), "90.0 s"),
    ("clocks differ", report.clocks([judged(recorded=1010.0)]), "9.0 s ahead of"),
    ("clocks differ the other way", report.clocks([judged(recorded=990.0)]), "10.0 s behind"),
    ("not erased", report.cleaned("a submission is being judged", {}), "being judged"),
]


@pytest.mark.parametrize(("check", "words"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG])
def test_what_is_wrong_fails_and_says_what(check: Check, words: str) -> None:
    assert check.passed is False
    assert words in check.told
    assert not report.passed([Check("something else", True, ""), check])


def test_what_could_not_be_checked_fails_nothing() -> None:
    unknown = [
        report.tls(None, this_machine=True),
        report.waits([refused()], "submit", 60.0),
        report.told_waits([]),
        report.positions([]),
        report.clocks([refused()]),
    ]
    assert {check.passed for check in unknown} == {None}
    assert report.passed(unknown)


def test_positions_may_only_fall_for_submits_and_from_poll_to_poll() -> None:
    def seeing(*places: int | None, run_type: str = "submit") -> Sent:
        return replace(judged(run_type=run_type), looks=[Look(float(n), place, 1.0) for n, place in enumerate(places)])

    assert report.positions([seeing(2, 3, 3, 1, None)]).passed, "the 202 knows less than the polls"
    assert report.positions([seeing(2, 3, 4, None)]).passed is False
    assert report.positions([seeing(2, 1, 4, run_type="run"), seeing(1, None)]).passed, "Submits go before a Run"


def test_told_waits_are_compared_with_what_was_left_to_wait() -> None:
    told_all_the_time = replace(judged(20.0), looks=[Look(0.0, 3, 20.0), Look(18.0, 1, 20.0), Look(19.0, 1, 20.0)])
    check = report.told_waits([told_all_the_time])
    assert check.passed is False
    assert check.figures == {"told": 3, "median_miss": 18.0, "median_wait": 2.0}


def test_waits_are_told_as_mean_median_95th_and_longest() -> None:
    figures = report.waits([judged(float(seconds)) for seconds in range(1, 22)], "submit", 60.0).figures
    assert figures == {"expected": 11.0, "median": 11.0, "p95": 20.0, "max": 21.0}


ALLOWED = {
    "access-control-allow-origin": "https://exam.example.org",
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, If-None-Match",
    "access-control-expose-headers": "ETag, Location, Retry-After",
}


def test_cors_names_what_a_page_would_miss() -> None:
    origin = "https://exam.example.org"
    assert report.cors(Cors(origin, ALLOWED, ALLOWED)).passed
    assert "ALLOWED_ORIGINS" in report.cors(Cors("https://other.example.org", ALLOWED, ALLOWED)).told
    assert report.cors(Cors(origin, ALLOWED, {})).passed is False
    less = {**ALLOWED, "access-control-allow-headers": "Authorization"}
    assert report.cors(Cors(origin, less, ALLOWED)).told == "lacks content-type, idempotency-key, if-none-match"


# the page


def answer(status: int, body: object = None, **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made._content = json.dumps(body).encode()
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


def shown(status: str = "queued", position: int | None = 1) -> dict[str, object]:
    return {
        "submission_id": "s1",
        "status": status,
        "verdict": "accepted" if status == "completed" else None,
        "queue_position": position,
        "estimated_wait_seconds": None if position is None else 1.0,
    }


class Wire:
    """Answers in turn, the last one for ever; keeps what it was asked, and sleeps without sleeping."""

    def __init__(self, *answers: requests.Response) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.slept: list[float] = []

    def __call__(self, method: str, path: str, name: str, /, **how: Any) -> requests.Response:
        self.asked.append((method, path, how))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def page(self, patience: float = 60.0) -> Page:
        return Page(self, "token", "attempt", patience, self.slept.append, lambda: sum(self.slept))


def press(page: Page) -> Sent:
    return page.press("sum", "python", "print(1)", "submit", "accepted")


def test_a_page_asks_when_it_is_told_to_and_names_what_it_has() -> None:
    wire = Wire(
        answer(202, shown(position=3), Retry_After="3"),
        answer(200, shown(position=2), Retry_After="4", ETag='"a"'),
        answer(304, Retry_After="5", ETag='"a"'),
        answer(200, shown("completed", None)),
    )
    sent = press(wire.page())
    assert sent.got == "accepted"
    assert [look.position for look in sent.looks] == [3, 2, 2, None]
    assert wire.slept == [3.0, 4.0, 5.0]
    assert [how.get("headers", {}).get("If-None-Match") for _, _, how in wire.asked] == [None, None, '"a"', '"a"']


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_a_press_that_is_not_answered_is_sent_again_with_the_same_key(status: int) -> None:
    wire = Wire(answer(status, Retry_After="7"), answer(202, shown()), answer(200, shown("completed", None)))
    page = wire.page()
    assert press(page).got == "accepted"
    keys = [how["headers"]["Idempotency-Key"] for method, _, how in wire.asked if method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert wire.slept[0] == 7.0
    assert page.statuses == Counter({status: 1, 202: 1, 200: 1})


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([answer(403)], "answered 403"),
        ([answer(503)], "answered 503"),
        ([answer(0)], "no answer"),
        ([answer(200, "hello")], "answered 200 with something else than a submission"),
    ],
)
def test_a_press_that_is_never_accepted_says_why(answers: Sequence[requests.Response], why: str) -> None:
    sent = press(Wire(*answers).page())
    assert (sent.refused, sent.submission_id, sent.final) == (why, None, None)


def test_a_wait_without_end_is_given_up_and_a_failed_poll_is_not_its_end() -> None:
    sent = press(Wire(answer(202, shown()), answer(500)).page(patience=20.0))
    assert (sent.submission_id, sent.final, sent.refused) == ("s1", None, None)
    assert sent.followed >= 20.0


# given test students


@pytest.fixture
def tokens_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "tokens.csv"
        file.write_text(text)
        return file

    return write


def test_test_students_are_read_with_and_without_attempts(tokens_file: Callable[[str], Path]) -> None:
    file = tokens_file("student,attempt,token\nann,a-1,t1\n\nbob,,t2\nbob,,t2\n")
    assert given_seats(file, 2) == [Seat("ann", "a-1", "t1"), Seat("bob", "", "t2")]
    with pytest.raises(OperationError, match="3 rows, where --students says 4"):
        given_seats(file, 4)


@pytest.mark.parametrize("row", ["ann,a-1", "ann,a-1,", ",a-1,t1", "ann,a-1,töken"])
def test_a_wrong_row_of_test_students_is_named(tokens_file: Callable[[str], Path], row: str) -> None:
    with pytest.raises(OperationError, match="row 2 is not"):
        given_seats(tokens_file(f"bob,,t\n{row}\n"), 1)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost", True),
        ("https://exam.example.org", False),
        ("http://192.0.2.1", False),
    ],
)
def test_a_url_elsewhere_means_the_deployed_service(url: str, here: bool) -> None:
    assert is_this_machine(url) is here


# the certificate


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def https(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server whose certificate is good for ten days, and that certificate, which nobody trusts of themselves."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "exam.test")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=10))
    signed = made.add_extension(here, critical=False).sign(key, hashes.SHA256())
    file = tmp_path / "certificate.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(*plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, tmp_path / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", file
    server.shutdown()
    server.server_close()


def test_a_certificate_must_be_trusted_and_says_how_long_it_is_good(
    https: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, file = https
    found = certificate_of(url)
    assert found is not None
    assert "not trusted" in str(found.error)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    found = certificate_of(url)
    assert found is not None
    assert (found.error, found.protocol[:4]) == (None, "TLSv")
    assert 9.9 < found.days <= 10.0
    assert certificate_of("http://127.0.0.1") is None
    nobody = certificate_of(f"https://127.0.0.1:{processes.free_port()}")
    assert nobody is not None
    assert report.tls(nobody, this_machine=False).passed is None, "a proxy may stand between"
