"""What is shown: a submission, an attempt, a question. Reads only."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from functions import models, records
from functions.access import find_exam, require_question, supervises
from functions.domain.exam import NOT_BEGUN, Exam, has_begun, window
from functions.domain.line import wait_estimate
from functions.domain.outcome import SHOWN_CHARACTERS, cut
from functions.domain.scoring import Scored, counting
from functions.domain.submission import RunType, Status, Submission
from functions.errors import Refusal, not_found
from functions.judges import any_up, offered
from functions.keeping import keep
from functions.outputs import link
from functions.ports import Caller, Condition, Query, Unavailable
from functions.questions import head
from functions.service import Service
from functions.slots import usable_slots

POLL_AFTER_SECONDS = 2
SERVICE_TIME_SECONDS = 5.0
SERVICE_TIME_OF = 50
"""Over how many of the latest judgings the expected service time is the mean. Many: at the begin of a burst the last
few to end are its short ones."""
FIRST_GUESS_SECONDS = 2.0
"""The service time that is assumed before anything was judged."""
PAGE_SIZE = 50
SUBMISSION_ID = re.compile(r"[0-9a-f]{32}")

MESSAGES = {
    Status.QUEUED: "Waiting in line.",
    Status.PROCESSING: "Being judged.",
    Status.COMPLETED: None,
    Status.FAILED: "We could not judge this. It is our fault and costs you nothing; it can be judged again.",
    Status.CANCELLED: "Cancelled before judging.",
    Status.SUPERSEDED: "Replaced by your newer Run of this question.",
}
JUDGE_AWAY = "The judge is not answering. Your submission is safe and will be judged as soon as it is back."


def submission(service: Service, caller: Caller, shown: Submission) -> models.SubmissionView:
    """The submission as the contract has it, for its owner and staff; what is for staff only is left out for others."""
    position = estimate = None
    message = MESSAGES[shown.status]
    if shown.status is Status.QUEUED:
        ahead = service.standing.ahead(shown.run_type, shown.turn_at, shown.submission_id)
        position = sum(ahead.values()) + 1
        estimate = expected_wait(service, ahead, usable_slots(service))
        if not any_up(service):
            message = JUDGE_AWAY
    done = shown.status is Status.COMPLETED
    if done:
        message = next((f"Test {each.number}: {each.message}" for each in shown.results if each.message), None)
    for_staff: dict[str, str] = {}
    if done and shown.hidden_outputs is not None and supervises(service, caller, shown.exam_id):
        url = link(service, shown.hidden_outputs)
        for_staff = {} if url is None else {"hidden_outputs_url": url}
    return models.SubmissionView(
        submission_id=shown.submission_id,
        status=shown.status,
        run_type=shown.run_type,
        attempt_id=shown.attempt_id,
        question_id=shown.question_id,
        language=shown.language,
        queue_position=position,
        estimated_wait_seconds=estimate,
        poll_after_seconds=None if shown.status.final else POLL_AFTER_SECONDS,
        progress=models.Progress(finished=shown.finished_tests, total=shown.total),
        verdict=shown.verdict,
        score=shown.score,
        points=shown.points,
        passed=shown.passed,
        total=shown.total,
        tests=[models.test_view(each, link(service, each.full_output)) for each in shown.results] if done else [],
        compile_output=shown.compile_output,
        message=message,
        code=shown.code,
        stdin=shown.stdin,
        created_at=shown.created_at,
        started_at=shown.started_at,
        finished_at=shown.finished_at,
        **for_staff,
    )


def expected_wait(service: Service, ahead: Mapping[RunType, int], slots: int) -> float:
    """Seconds from now: the line has moved on since it was read."""
    lately = {kind: service_seconds(service, kind) for kind in ahead}
    return round(max(0.0, wait_estimate(ahead, lately, slots) - service.standing.age()), 1)


def service_seconds(service: Service, kind: RunType) -> float:
    """The mean time that a slot was held by one of this kind lately."""

    def read() -> float:
        where: tuple[Condition, ...] = (("status", "==", str(Status.COMPLETED)), ("run_type", "==", str(kind)))
        latest = Query(
            records.SUBMISSIONS,
            where,
            order_by=(("finished_at", True),),
            limit=SERVICE_TIME_OF,
            select=("started_at", "finished_at"),
        )
        found = service.store.find(latest)
        times = [(d.fields["finished_at"] - d.fields["started_at"]).total_seconds() for d in found]
        return sum(times) / len(times) if times else FIRST_GUESS_SECONDS

    return keep(service, f"service time {kind}", SERVICE_TIME_SECONDS, read)


def question(service: Service, caller: Caller, question_id: str) -> models.QuestionView:
    """Raises Refusal(404), also where the caller may not read it (yet)."""
    require_question(service, caller, question_id)
    document = head(service, question_id)
    if document is None:
        raise not_found("question")
    record = document.fields
    allowed = list(record["languages"]) or [language.name for language in languages(service)]
    samples = []
    for number, sample in enumerate(record["samples"], start=1):
        stdin, stdin_cut = cut(sample["stdin"], SHOWN_CHARACTERS)
        expected, expected_cut = cut(sample["expected"], SHOWN_CHARACTERS)
        truncated = stdin_cut or expected_cut
        samples.append(models.Sample(number=number, stdin=stdin, expected_output=expected, truncated=truncated))
    multipliers = {**service.rules.time_multipliers, **record["time_multipliers"]}
    return models.QuestionView(
        question_id=question_id,
        title=record["title"],
        statement=record["statement"],
        languages=allowed,
        limits=models.LimitsView(**record["limits"], time_multipliers=multipliers),
        points=record["points"],
        samples=samples,
    )


def languages(service: Service) -> list[models.LanguageView]:
    """As the judges have them. Raises Refusal(503) where all are away and were never asked."""
    try:
        known, _ = offered(service)
    except Unavailable:
        raise Refusal(503, JUDGE_AWAY.partition(". ")[0] + ".", retry_after=5) from None
    return [models.LanguageView(name=each.name, label=each.label, version=each.version) for each in known]


def attempt(service: Service, caller: Caller, attempt_id: str, page_token: str | None) -> models.AttemptView:
    """The exam, the scores so far, and the attempt's submissions, newest first."""
    document = service.store.get(f"{records.ATTEMPTS}/{attempt_id}")[0]
    if document is None:
        raise not_found("attempt")
    sitting = records.attempt_of(document)
    supervised = supervises(service, caller, sitting.exam_id)
    if sitting.student != caller.subject and not supervised:
        raise Refusal(403, "This attempt is another student's.")
    exam = find_exam(service, sitting.exam_id) or Exam(sitting.exam_id, sitting.exam_id)
    if not supervised and not has_begun(exam, sitting, service.clock.now()):
        raise Refusal(403, NOT_BEGUN)
    page, next_token = _page(service, attempt_id, page_token)
    completed = _completed_submits(service, attempt_id)
    asked = list(exam.question_ids) if exam.question_ids is not None else _questions_of(completed, page)
    return models.AttemptView(
        attempt_id=attempt_id,
        exam=models.ExamView(
            exam_id=exam.exam_id,
            title=exam.title,
            closes_at=window(exam, sitting)[1],
            counts=exam.counts,
            questions=[models.QuestionLine(**_titled(service, question_id)) for question_id in asked],
        ),
        scores=[_score(service, exam, question_id, completed) for question_id in asked],
        submissions=[submission(service, caller, each) for each in page],
        next_page_token=next_token,
    )


def _page(service: Service, attempt_id: str, page_token: str | None) -> tuple[list[Submission], str | None]:
    documents = service.store.find(
        Query(
            records.SUBMISSIONS,
            (("attempt_id", "==", attempt_id),),
            order_by=(("created_at", True),),
            limit=PAGE_SIZE + 1,
            after=after(page_token) if page_token else None,
        )
    )
    page = [records.submission_of(each) for each in documents[:PAGE_SIZE]]
    more = len(documents) > PAGE_SIZE
    return page, page_token_of(page[-1].created_at, page[-1].submission_id) if more else None


def page_token_of(created_at: datetime, submission_id: str) -> str:
    """What leads on behind this submission in a list of the newest first."""
    return base64.urlsafe_b64encode(json.dumps([created_at.isoformat(), submission_id]).encode()).decode()


def after(page_token: str) -> tuple[datetime, str]:
    """The inverse, for ``Query.after``. Raises Refusal(400)."""
    try:
        moment, identifier = json.loads(base64.urlsafe_b64decode(page_token.encode()))
        if not SUBMISSION_ID.fullmatch(identifier):
            raise ValueError("no submission has this id")
        return datetime.fromisoformat(moment).astimezone(UTC), identifier
    except (ValueError, TypeError, OverflowError):
        raise Refusal(400, "This page_token was not given out here.", (("page_token", "not valid"),)) from None


def _completed_submits(service: Service, attempt_id: str) -> list[Scored]:
    where: tuple[Condition, ...] = (
        ("attempt_id", "==", attempt_id),
        ("run_type", "==", str(RunType.SUBMIT)),
        ("status", "==", str(Status.COMPLETED)),
    )
    select = ("question_id", "score", "points", "created_at")
    return [records.scored_of(each) for each in service.store.find(Query(records.SUBMISSIONS, where, select=select))]


def _questions_of(completed: list[Scored], page: list[Submission]) -> list[str]:
    """The questions that an attempt without a fixed list has touched, in a stable order."""
    return sorted({each.question_id for each in completed} | {each.question_id for each in page})


def _titled(service: Service, question_id: str) -> dict[str, Any]:
    document = head(service, question_id)
    record = document.fields if document is not None else {"title": question_id, "points": 0}
    return {"question_id": question_id, "title": record["title"], "points": record["points"]}


def _score(service: Service, exam: Exam, question_id: str, completed: list[Scored]) -> models.ScoreView:
    best = counting((each for each in completed if each.question_id == question_id), exam.counts)
    points = best.points if best is not None else _titled(service, question_id)["points"]
    return models.ScoreView(
        question_id=question_id,
        score=None if best is None else best.score,
        points=points,
        submission_id=None if best is None else best.submission_id,
    )
