"""What a new local stack holds: the sample questions, a demonstration of any question, and an exam to sit."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from functions import records
from functions.domain.exam import Attempt, Exam
from functions.ports import Put
from functions.service import Service
from functions.slots import seed_slots
from infra.admin import operations
from infra.kattis import read_package
from infra.local.environment import ROOT

PACKAGES = ROOT / "infra" / "local" / "questions"
QUESTIONS = ("palindrome", "sum", "fizzbuzz", "sorting", "pairs", "fibonacci")
EXAM_HOURS = 3
STUDENTS = {f"student-{number}": f"sample-{number}" for number in range(1, 13)}
"""Who sits the sample exam, and the attempt of each."""
TEACHER = "teacher"


def load(service: Service) -> None:
    """Begun anew at each start; attempts and submissions of a kept stack stay."""
    seed_slots(service)
    for folder in sorted(path for path in PACKAGES.iterdir() if path.is_dir()):
        operations.import_package(service, read_package(folder))
    closes_at = service.clock.now() + timedelta(hours=EXAM_HOURS)
    exam = Exam("sample", "Sample exam", QUESTIONS, closes_at=closes_at)
    service.store.commit(Put(f"{records.EXAMS}/{exam.exam_id}", records.exam_fields(exam)))
    with contextlib.suppress(operations.OperationError):  # kept from the last time
        operations.create_exam(service, Exam("demo", "Demonstration"))
    attempts = [Attempt("test", "test", "demo"), *(Attempt(id, name, "sample") for name, id in STUDENTS.items())]
    for attempt in attempts:
        with contextlib.suppress(operations.OperationError):
            operations.create_attempt(service, attempt)
