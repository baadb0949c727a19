"""What preflight makes of what it saw: one line for each thing that must be right. Pure; times in seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import fmean, median, quantiles
from typing import Any

from infra.admin.sitting import NO_ANSWER, Look, Sent

MOST_SKEW = 2.0
"""How much this machine's clock and the service's may differ. By the latter exams end, with CLOSING_GRACE (5 s)."""
LEAST_DAYS = 7
"""A certificate must be good for so many days more."""
TOLD_SECONDS, TOLD_SHARE = 5.0, 0.5
"""Told waits are right where half of them miss by less than so many seconds, or than that share of the median wait."""
SHOWN = 5
"""How many of a kind are named."""
UNMOVED_SECONDS = 3.0
"""An uptime that stands still so long comes from a cache."""
PAGE_METHODS = ("GET", "POST", "DELETE")
PAGE_HEADERS = ("authorization", "content-type", "idempotency-key", "if-none-match")
PAGE_READS = ("etag", "location", "retry-after")


@dataclass(frozen=True)
class Check:
    """``passed`` None: not checked, and ``told`` says why."""

    name: str
    passed: bool | None
    told: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Certificate:
    """``days`` that it is still good for; ``error`` where it is not trusted, ``unseen`` where it could not be had."""

    protocol: str = ""
    days: float = 0.0
    error: str | None = None
    unseen: str | None = None


@dataclass(frozen=True)
class Cors:
    """The headers, with names in lower case, of the answers to a preflight request and to a GET from ``origin``."""

    origin: str
    preflight: Mapping[str, str]
    get: Mapping[str, str]


@dataclass(frozen=True)
class Solutions:
    """What the exam's questions need. ``without``: those of which no right solution can be sent."""

    needed: Mapping[str, Sequence[str]]
    """Question ids by the language that they name."""
    offered: Sequence[str]
    questions: Sequence[str]
    without: Sequence[str]


def passed(checks: Sequence[Check]) -> bool:
    return all(check.passed is not False for check in checks)


def before(health: Mapping[str, Any] | None) -> Check:
    """Nobody can sit an exam where this fails. ``health`` None: no such answer came."""
    if health is None:
        return Check("health before", False, "/health does not answer as a run-code service does")
    told = (
        f"{health['status']}, {health['max_concurrent']} at once, {health['queue_length']} waiting,"
        f" judge {health['judge']['state']}, version {health['version']}"
    )
    return Check("health before", health["status"] == "healthy", told)


def during(healths: Sequence[tuple[float, Mapping[str, Any] | None]]) -> Check:
    """``healths``: /health as it was at each second of the play; the last one once all should be done."""
    name = "health during"
    seen = [(at, health) for at, health in healths if health is not None]
    if len(seen) < len(healths) or not seen:
        return Check(name, False, f"/health did not answer {len(healths) - len(seen)} times of {len(healths)}")
    last = seen[-1][1]
    problems = [
        f"was {health['status']}, judge {health['judge']['state']}"
        for _, health in seen
        if health["status"] == "unhealthy" or health["judge"]["state"] != "closed"
    ][:1]
    if any(health["processing"] > health["max_concurrent"] for _, health in seen):
        problems.append("more were judged at once than there are slots")
    if seen[-1][0] - seen[0][0] >= UNMOVED_SECONDS and len({health["uptime"] for _, health in seen}) == 1:
        problems.append("it stands still: something keeps old answers")
    left = last["queue_length"] + last["processing"]
    if left:
        problems.append(f"{left} still there at the end")
    most = max(health["queue_length"] for _, health in seen)
    return Check(name, not problems, "; ".join(problems) or f"fresh; at most {most} waiting, none at the end")


def tls(certificate: Certificate | None, *, this_machine: bool) -> Check:
    """``certificate`` None: plain HTTP."""
    if certificate is None:
        told = "plain http, on this machine" if this_machine else "plain http: tokens and code can be read on the way"
        return Check("TLS", None if this_machine else False, told)
    if certificate.unseen is not None:
        return Check("TLS", None, certificate.unseen)
    if certificate.error is not None:
        return Check("TLS", False, certificate.error)
    told = f"{certificate.protocol}, the certificate is good for {certificate.days:.0f} days"
    return Check("TLS", certificate.days >= LEAST_DAYS, told)


def cors(answers: Cors) -> Check:
    name = f"CORS {answers.origin}"
    allowed = {answers.preflight.get("access-control-allow-origin"), answers.get.get("access-control-allow-origin")}
    if allowed != {answers.origin}:
        return Check(name, False, "pages of this origin may not ask: ALLOWED_ORIGINS does not name it")
    lacking = [
        what
        for header, wanted, given in (
            ("allow-methods", PAGE_METHODS, answers.preflight),
            ("allow-headers", PAGE_HEADERS, answers.preflight),
            ("expose-headers", PAGE_READS, answers.get),
        )
        for what in wanted
        if what.lower() not in _names(given.get(f"access-control-{header}", ""))
    ]
    return Check(name, not lacking, f"lacks {', '.join(lacking)}" if lacking else "its pages may ask")


def _names(header: str) -> set[str]:
    return {part.strip().lower() for part in header.split(",")}


def languages(solutions: Solutions) -> Check:
    offered = ", ".join(solutions.offered) or "nothing"
    lacking = {name: of for name, of in solutions.needed.items() if name not in solutions.offered}
    if not lacking:
        return Check("languages", bool(solutions.offered), f"the judge has {offered}")
    told = "; ".join(f"{name} (of {_some(list(of))})" for name, of in sorted(lacking.items()))
    return Check("languages", False, f"the judge lacks {told}; it has {offered}")


def questions(solutions: Solutions) -> Check:
    if solutions.without:
        told = f"no right solution in an offered language of {_some(solutions.without)}: import its package"
        return Check("questions", False, told)
    return Check("questions", bool(solutions.questions), f"{_some(solutions.questions)}, each with a right solution")


def accepted(sent: Sequence[Sent]) -> Check:
    refused = Counter(each.refused for each in sent if each.refused is not None)
    told = f"{len(sent) - refused.total()} of {len(sent)}"
    why = "; ".join(f"{number} {reason}" for reason, number in refused.most_common(SHOWN))
    return Check("accepted", bool(sent) and not refused, f"{told}: {why}" if why else told)


def answers(statuses: Counter[int]) -> Check:
    """No 5xx, and an answer to everything. 429 is told: a page waits and sends again."""
    failed = sum(number for status, number in statuses.items() if status >= 500)
    none, refused = statuses[NO_ANSWER], statuses[429]
    told = f"{statuses.total()} requests, {failed} answered 5xx, {none} not at all, {refused} asked to slow down (429)"
    figures = {"requests": statuses.total(), "server_errors": failed, "no_answer": none, "slowed_down": refused}
    return Check("answers", not failed and not none, told, figures)


def verdicts(sent: Sequence[Sent]) -> Check:
    followed = [each for each in sent if each.submission_id is not None]
    without = [each for each in followed if each.final is None]
    wrong = [each for each in followed if each.got is not None and each.got != each.expected]
    told = [f"{len(followed) - len(without) - len(wrong)} of {len(followed)} right"]
    if without:
        told.append(f"{len(without)} never came ({_some([str(each.submission_id) for each in without])})")
    told += [f"{each.submission_id}: {each.got} instead of {each.expected}" for each in wrong[:SHOWN]]
    if len(wrong) > SHOWN:
        told.append(f"and {len(wrong) - SHOWN} more")
    return Check("verdicts", bool(followed) and not without and not wrong, "; ".join(told))


def positions(sent: Sequence[Sent]) -> Check:
    """Of Submits, from one poll to the next: a Run rightly steps back for each Submit that comes.

    The 202 is not compared: it knows what its instance knew, which may lack what others took in that second.
    """
    submits = [each for each in sent if each.run_type == "submit" and each.submission_id is not None]
    rising = [each for each in submits if _rises(each.looks[1:])]
    shown = sum(any(look.position is not None for look in each.looks) for each in submits)
    if rising:
        told = f"{len(rising)} of {len(submits)} Submits rose ({_some([str(each.submission_id) for each in rising])})"
        return Check("positions", False, told)
    return Check("positions", True if shown else None, f"only fall, of {shown} Submits that saw theirs")


def _rises(looks: Sequence[Look]) -> bool:
    places = [look.position for look in looks if look.position is not None]
    return any(later > earlier for earlier, later in pairwise(places))


def waits(sent: Sequence[Sent], run_type: str, max_wait: float) -> Check:
    """In line, by the service's own stamps; who never came out of it has waited as long as we looked."""
    name = f"wait of a {run_type.title()}"
    seconds = [_in_line(each) for each in sent if each.run_type == run_type and each.submission_id is not None]
    if not seconds:
        return Check(name, None, "none was accepted")
    figures = summary(seconds)
    words = " / ".join(f"{figures[key]:.1f}" for key in ("expected", "median", "p95", "max"))
    told = f"expected / median / 95th / longest {words} s, {max_wait:g} s allowed"
    return Check(name, figures["max"] <= max_wait, told, figures)


def answer_times(sent: Sequence[Sent]) -> Check:
    """From the answer to the press until the page knew the verdict: line, judging, and the pause of a poll."""
    seconds = [each.followed for each in sent if each.final is not None]
    if not seconds:
        return Check("until the verdict", None, "none came")
    figures = summary(seconds)
    words = " / ".join(f"{figures[key]:.1f}" for key in ("expected", "median", "p95", "max"))
    return Check("until the verdict", True, f"expected / median / 95th / longest {words} s", figures)


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """``expected`` is the mean, as in `capacity`."""
    p95 = quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    values = {"expected": fmean(seconds), "median": median(seconds), "p95": p95, "max": max(seconds)}
    return {key: round(value, 2) for key, value in values.items()}


def _in_line(sent: Sent) -> float:
    whole = stamps(sent)
    return sent.followed if whole is None else max(0.0, whole[1] - whole[0])


def stamps(sent: Sent) -> tuple[float, float] | None:
    """When it was recorded and when its judging began, by the service's clock; None where either is not known."""
    if sent.final is None or sent.final["started_at"] is None:
        return None
    return timestamp(sent.final["created_at"]), timestamp(sent.final["started_at"])


def timestamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def told_waits(sent: Sequence[Sent]) -> Check:
    """Each estimate that a waiting page was told, against the wait that it still had."""
    misses, true = misses_of(sent)
    if not misses:
        return Check("told waits", None, "nobody waited long enough to be told")
    miss, wait = median(misses), median(true)
    figures = {"told": len(misses), "median_miss": round(miss, 2), "median_wait": round(wait, 2)}
    told = f"{len(misses)} estimates, half of them off by less than {miss:.1f} s (median wait {wait:.1f} s)"
    return Check("told waits", miss <= max(TOLD_SECONDS, TOLD_SHARE * wait), told, figures)


def misses_of(sent: Sequence[Sent]) -> tuple[list[float], list[float]]:
    """By how much each told wait missed, and the waits that it should have told."""
    misses, true = [], []
    for each in sent:
        whole = stamps(each)
        if whole is None:
            continue
        for look in each.looks:
            if look.told is not None:
                left = max(0.0, whole[1] - whole[0] - look.after)
                misses.append(abs(look.told - left))
                true.append(left)
    return misses, true


def clocks(sent: Sequence[Sent]) -> Check:
    """A submission is recorded between the press and the answer: by how much the clocks differ at least."""
    known = [each for each in sent if each.final is not None]
    if not known:
        return Check("clocks", None, "nothing was recorded")
    recorded = [(timestamp(each.final["created_at"]), each) for each in known if each.final is not None]
    ahead = max(at - each.answered_at for at, each in recorded)
    behind = min(at - each.pressed_at for at, each in recorded)
    skew = max(0.0, ahead) + min(0.0, behind)
    which = "ahead of" if skew > 0 else "behind"
    told = f"the service's is {abs(skew):.1f} s {which} this machine's" if skew else "alike"
    return Check("clocks", abs(skew) <= MOST_SKEW, told, {"skew_seconds": round(skew, 2)})


def cleaned(left: str | None, counts: Mapping[str, int]) -> Check:
    """``left``: what could not be erased, and what to do."""
    told = ", ".join(f"{number} {collection}" for collection, number in counts.items())
    return Check("cleaned up", left is None, left or f"erased {told}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
