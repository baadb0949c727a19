"""One attempt into an archive: what of it is written, and what was written of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.domain.scoring import Scored
from functions.domain.submission import RunType, Status
from functions.outputs import objects_of
from functions.ports import Document, DocumentStore
from infra.admin import scores
from infra.admin.archive import forms, reading
from infra.admin.archive.filing import Files
from infra.admin.archive.forms import Entry

SCORED = ("question_id", "score", "points", "created_at")


@dataclass(frozen=True)
class Written:
    """What was written of one attempt, and of what: kept beside it until the archive is complete."""

    made_of: str
    submissions: int
    unjudged: int
    scores: Mapping[str, tuple[int, int]]
    versions: Sequence[tuple[str, str]]
    files: Sequence[Entry]
    missing: Sequence[str] = ()


@dataclass
class AttemptWriter:
    """One attempt as it was ``seen``, oldest submission first, being written."""

    store: DocumentStore
    files: Files
    counts: str
    attempt_id: str
    attempt: Document | None
    seen: Sequence[Document]
    made_of: str
    entries: list[Entry] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    part: list[bytes] = field(default_factory=list)
    part_bytes: int = 0
    parts: int = 0

    def write(self) -> Written | None:
        """None where something of it changed meanwhile."""
        best = self._counted()
        counting = {each.submission_id for each in best.values()}
        self._line(self._head(best))
        for document in self._documents():
            if document is None:
                return None
            self._line(forms.submission_line(document.document_id, document.fields))
            if document.fields["run_type"] == RunType.SUBMIT:
                path = forms.source_path(document.document_id, document.fields, counts=document.document_id in counting)
                code: str = document.fields["code"]
                self.entries.append(self.files.write(path, code.encode(errors="surrogatepass")))
            for key in objects_of(document.fields):
                entry = self.files.write_object(key, f"submission {document.document_id}")
                if entry is None:
                    self.missing.append(key)
                else:
                    self.entries.append(entry)
        self._close_part()
        return Written(
            self.made_of,
            len(self.seen),
            sum(not Status(each.fields["status"]).final for each in self.seen),
            {question_id: (each.score, each.points) for question_id, each in best.items()},
            sorted({(each.fields["question_id"], each.fields["question_version"]) for each in self.seen}),
            self.entries,
            self.missing,
        )

    def _counted(self) -> dict[str, Scored]:
        completed = (
            Scored(each.document_id, **{name: each.fields[name] for name in SCORED})
            for each in self.seen
            if (each.fields["run_type"], each.fields["status"]) == (RunType.SUBMIT, Status.COMPLETED)
        )
        return scores.counted(completed, self.counts)

    def _head(self, best: Mapping[str, Scored]) -> bytes:
        attempt = None
        if self.attempt is not None:
            attempt = forms.attempt_content(self.attempt_id, self.attempt.fields)
        derived: dict[str, Any] = {
            question_id: {"score": each.score, "points": each.points, "submission_id": each.submission_id}
            for question_id, each in best.items()
        }
        head = {"attempt_id": self.attempt_id, "attempt": attempt, "scores": derived}
        if self.attempt is not None:
            head["folder"] = forms.name_of(self.attempt.fields["student"])
        return forms.text_of(head)

    def _documents(self) -> Iterator[Document | None]:
        """Each whole, in the order seen; None once one is not what was seen."""
        for start in range(0, len(self.seen), reading.WHOLE_AT_ONCE):
            some = self.seen[start : start + reading.WHOLE_AT_ONCE]
            whole = self.store.get(*(each.path for each in some))
            for before, document in zip(some, whole, strict=True):
                yield document if document is not None and document.version == before.version else None

    def _line(self, line: bytes) -> None:
        if self.part and self.part_bytes + len(line) > forms.PART_BYTES:
            self._close_part()
        self.part.append(line)
        self.part_bytes += len(line)

    def _close_part(self) -> None:
        self.parts += 1
        path = forms.attempt_path(self.attempt_id, self.parts)
        self.entries.append(self.files.write(path, b"".join(self.part)))
        self.part, self.part_bytes = [], 0
