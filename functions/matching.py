"""Which work which judges can do. Where all have the same languages, as where there is one, all of it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from functions import records
from functions.domain.line import FIRST_SLOT, Slot, Waiting
from functions.judges import must_tell, told, usable
from functions.ports import Document, Query
from functions.questions import QuestionDamaged, question_version
from functions.service import Service
from functions.slots import layout


@dataclass(frozen=True)
class Group:
    """Judges that are up and have the same languages: the line is the same to all of their slots."""

    judges: frozenset[str]
    first_slot: int = FIRST_SLOT
    languages: frozenset[str] | None = None
    """None: nothing waits that these cannot do."""
    foreign: frozenset[str] | None = None
    """What only others have; None: not all others have told. What nobody has is anybody's, to fail visibly."""
    earlier: tuple[Group, ...] = ()
    """Groups with lower slots: a suspect is judged by the first that can, so that no two are in hand at once."""

    def has(self, language: str) -> bool:
        if self.languages is None or language in self.languages:
            return True
        return self.foreign is not None and language not in self.foreign


def groups(service: Service) -> list[Group]:
    """The judges that may take work now, by their lowest slots. One that this process has yet to ask is left out."""
    listed = service.judges()
    if not must_tell(service):
        return [Group(frozenset(listed))]
    known = told(service)
    everything = frozenset().union(*known.values())
    up = usable(service) & known.keys()
    alike: dict[frozenset[str], list[Slot]] = {}
    for slot in layout(service):
        if slot.judge in up:
            alike.setdefault(known[slot.judge], []).append(slot)
    all_told = len(known) == len(listed)
    found: list[Group] = []
    for languages, slots in alike.items():
        plain = all_told and languages == everything and len(alike) == 1
        found.append(
            Group(
                judges=frozenset(slot.judge for slot in slots),
                first_slot=slots[0].number,
                languages=None if plain else languages,
                foreign=everything - languages if all_told else None,
                earlier=tuple(found),
            )
        )
    return found


def first_of(service: Service, line: Callable[..., Query], width: int, group: Group) -> list[Waiting]:
    """The first ``width`` of a line that ``group`` can do. ``line(limit, select=...)`` is its query."""
    return list(map(records.waiting_of, first_documents(service, line, width, group)))


def first_documents(
    service: Service, line: Callable[..., Query], width: int, group: Group, *, whole: bool = False
) -> list[Document]:
    """Their documents, ``whole`` or as much of them as choosing needs.

    The head of the line is looked at first. Only where all of it is others' work is that passed over, by an index.
    """
    if group.languages is None:
        return service.store.find(line(width, select=None if whole else records.WAITING))
    select = None if whole else records.WAITING_FOR
    found = service.store.find(line(width, select=select))
    head = [document for document in found if _takes(service, group, records.waiting_of(document))]
    if head or len(found) < width:
        return head
    queries = records.in_languages(line(width, select=select), sorted(group.languages))
    parts = [service.store.find(query) for query in queries]
    merged = heapq.merge(*parts, key=lambda document: (document.fields["turn_at"], document.document_id))
    return [document for document in merged if _takes(service, group, records.waiting_of(document))][:width]


def _takes(service: Service, group: Group, waiting: Waiting) -> bool:
    if waiting.suspect and any(_can(service, earlier, waiting) for earlier in group.earlier):
        return False
    return _can(service, group, waiting)


def _can(service: Service, group: Group, waiting: Waiting) -> bool:
    validator = _validator_language(service, waiting)
    return group.has(waiting.language) and (validator is None or group.has(validator))


def _validator_language(service: Service, waiting: Waiting) -> str | None:
    """Raises Unavailable. A damaged question is anybody's: its judging says so."""
    try:
        validator = question_version(service, waiting.question_id, waiting.question_version).validator
    except QuestionDamaged:
        return None
    return None if validator is None else validator.language
