"""A question as an instructor writes it over HTTP, whole."""

from __future__ import annotations

from functions import records
from functions.access import require_questions_exams
from functions.domain.languages import canonical
from functions.domain.question import MAX_SHOWN_BYTES, Limits, Question, TestCase
from functions.errors import Refusal, wrong_field
from functions.ports import Caller
from functions.questions import QuestionDamaged, judges_too_long, put_question, question_version, sealed
from functions.service import Service
from functions.staff_models import QuestionRequest


def put(service: Service, caller: Caller, question_id: str, wanted: QuestionRequest) -> bool:
    """Write a version of the question; whether there was none before.

    Raises Refusal: 403 where an exam that is not the caller's has it, 409 where it has what only a package can say,
    422 where it could not be kept or judged.
    """
    require_questions_exams(service, caller, question_id)
    known = service.store.get(f"{records.QUESTIONS}/{question_id}")[0]
    if known is not None:
        _require_plain(service, question_id, known.fields["version"])
    question = sealed(service, _question(question_id, wanted))
    if question.shown_bytes > MAX_SHOWN_BYTES:
        raise wrong_field("tests", f"statement and samples may have {MAX_SHOWN_BYTES} bytes together")
    too_long = judges_too_long(service, question)
    if too_long is not None:
        raise wrong_field("tests", too_long)
    put_question(service, question)
    return known is None


def _require_plain(service: Service, question_id: str, version: str) -> None:
    """What came with a package and has no place here is not dropped in silence."""
    try:
        present = question_version(service, question_id, version)
    except QuestionDamaged:
        return  # this mends it
    if present.validator is not None or present.groups is not None:
        raise Refusal(409, "This question has a validator or groups of points: import its problem package instead.")


def _question(question_id: str, wanted: QuestionRequest) -> Question:
    samples_first = sorted(wanted.tests, key=lambda test: test.hidden)
    return Question(
        question_id=question_id,
        title=wanted.title,
        statement=wanted.statement,
        tests=tuple(
            TestCase(test.stdin.encode(), test.expected_output.encode(), test.hidden) for test in samples_first
        ),
        limits=Limits(**wanted.limits.model_dump()),
        languages=tuple(dict.fromkeys(map(canonical, wanted.languages))),
        checker=wanted.checker,
        points=wanted.points,
        run_stops_early=wanted.run_stops_early,
        time_multipliers=tuple(sorted({canonical(name): n for name, n in wanted.time_multipliers.items()}.items())),
    )
