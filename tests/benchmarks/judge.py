"""`make bench-judge`: what compiling once brings, and how many calls to the judge a submission takes.

Measured at the local runner, or with JUDGE0_URL (and its credentials) set at that Judge0. Ends with one line of JSON:
how many times faster 20 tests of C++ and of Java are judged when they are compiled once, and the calls for 12 tests
of 0.3 s in Python at BATCH_SIZE=3.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from structlog.testing import capture_logs

from functions.domain.question import Limits, Question, TestCase
from functions.domain.verdict import Verdict
from functions.ports import Judge
from functions.service import Rules
from infra import bootstrap, settings
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import our_process
from tests.judging import Counted, judged_at

BATCH_SIZE = 3
CPP = """
#include <bits/stdc++.h>
#include <regex>

int main() {
    std::string line;
    std::getline(std::cin, line);
    std::regex number("[0-9]+");
    long long sum = 0;
    for (std::sregex_iterator found(line.begin(), line.end(), number), end; found != end; ++found) {
        sum += std::stoll(found->str());
    }
    std::cout << sum << std::endl;
}
"""
JAVA = """
import java.util.*;
import java.util.stream.*;

public class Main {
    public static void main(String[] arguments) {
        String line = new Scanner(System.in).nextLine();
        System.out.println(Arrays.stream(line.split(" ")).mapToLong(Long::parseLong).sum());
    }
}
"""
LEAST_CALLS = f"{12 // BATCH_SIZE} + {12 // BATCH_SIZE}, {BATCH_SIZE} at a time"
SLEEPING = "import time\ntime.sleep(0.3)\nprint(sum(map(int, input().split())))"
WORKING = "import time\nwhile time.process_time() < 0.3: pass\nprint(sum(map(int, input().split())))"


@dataclass(frozen=True)
class Judged:
    seconds: float
    creates: int
    polls: int

    @property
    def calls(self) -> int:
        return self.creates + self.polls


def question(tests: int) -> Question:
    cases = tuple(
        TestCase(f"{n} {n + 1} {n * n}\n".encode(), f"{2 * n + 1 + n * n}\n".encode(), hidden=True)
        for n in range(tests)
    )
    limits = Limits(cpu_seconds=5.0, memory_kb=256_000)
    return Question("sums", "Sums", "", cases, limits=limits, version="1")


def judge(host: Judge, tests: int, language: str, source: str, *, once: bool = True) -> Judged:
    counted = Counted(host, compiles_once=once)
    begun = time.monotonic()
    judged = judged_at(counted, question(tests), language, source, rules=Rules(batch_size=BATCH_SIZE))
    seconds = time.monotonic() - begun
    if judged.verdict is not Verdict.ACCEPTED:
        sys.exit(f"{language}: {judged.verdict}: {judged.compile_output or judged.results}")
    return Judged(seconds, len(counted.batches), counted.polls)


@contextmanager
def a_judge() -> Iterator[Judge]:
    """A Judge0 where JUDGE0_URL names one, else the local runner."""
    config = settings.read(os.environ)
    if config.judge0_url is not None:
        yield bootstrap.judge(config, config.judge0_url, config.judge0_auth_token)
        return
    with our_process("infra.local.judge0_runner") as url:
        yield bootstrap.judge(config, url)


def measure() -> Measured:
    rows: list[Row] = []
    figures: dict[str, float] = {}
    with capture_logs(), a_judge() as host:
        judge(host, 2, "python", SLEEPING)  # the host's languages, and whatever else is slow at first
        for name, language, source in (("C++", "cpp", CPP), ("Java", "java", JAVA)):
            each_time = judge(host, 20, language, source, once=False)
            once = judge(host, 20, language, source)
            ratio = each_time.seconds / once.seconds
            beside = f"{each_time.seconds:.1f} s, {each_time.calls} calls"
            rows.append(
                Row(f"20 tests of {name}, compiled once", f"{once.seconds:.1f} s, {once.calls} calls", "", beside)
            )
            rows.append(Row("  times as fast as compiled with each test", f"{ratio:.1f}"))
            figures[f"compile_once_{language}"] = round(ratio, 2)
        for name, source in (("waiting", SLEEPING), ("work", WORKING)):
            found = judge(host, 12, "python", source)
            calls = f"{found.creates} + {found.polls} in {found.seconds:.1f} s"
            rows.append(Row(f"12 tests of 0.3 s of {name}: creates + polls", calls, "", LEAST_CALLS))
            figures.setdefault("judge_calls_12_tests", found.calls)
    return Measured(rows, figures)


if __name__ == "__main__":
    show(measure(), "The judge")
