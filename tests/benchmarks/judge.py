"""`make bench-judge`: what compiling once brings, and how many calls to the judge a submission takes.

Measured at the local runner, or with JUDGE0_URL (and its credentials) set at that Judge0. Ends with one line of JSON:
how many times faster 20 tests of C++ and of Java are judged when they are compiled once, and the calls for 12 tests
of 0.3 s in Python at BATCH_SIZE=3.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from functions.domain.question import Limits, Question, TestCase
from functions.domain.verdict import Verdict
from functions.ports import Judge
from functions.service import Rules
from infra import bootstrap, settings
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
SLEEPING = "import time\ntime.sleep(0.3)\nprint(sum(map(int, input().split())))"
WORKING = "import time\nwhile time.process_time() < 0.3: pass\nprint(sum(map(int, input().split())))"


@dataclass(frozen=True)
class Measured:
    seconds: float
    batches: list[int]
    polls: int

    @property
    def calls(self) -> int:
        return len(self.batches) + self.polls


def question(tests: int) -> Question:
    cases = tuple(
        TestCase(f"{n} {n + 1} {n * n}\n".encode(), f"{2 * n + 1 + n * n}\n".encode(), hidden=True)
        for n in range(tests)
    )
    limits = Limits(cpu_seconds=5.0, memory_kb=256_000)
    return Question("sums", "Sums", "", cases, limits=limits, version="1")


def measure(host: Judge, tests: int, language: str, source: str, *, once: bool) -> Measured:
    counted = Counted(host, compiles_once=once)
    begun = time.monotonic()
    judged = judged_at(counted, question(tests), language, source, rules=Rules(batch_size=BATCH_SIZE))
    seconds = time.monotonic() - begun
    if judged.verdict is not Verdict.ACCEPTED:
        sys.exit(f"{language}: {judged.verdict}: {judged.compile_output or judged.results}")
    return Measured(seconds, counted.batches, counted.polls)


@contextmanager
def judge() -> Iterator[Judge]:
    """A Judge0 where JUDGE0_URL names one, else the local runner."""
    config = settings.read(os.environ)
    if config.judge0_url is not None:
        yield bootstrap.judge(config, config.judge0_url, config.judge0_auth_token)
        return
    with our_process("infra.local.judge0_runner") as url:
        yield bootstrap.judge(config, url)


def main() -> None:
    console = Console(width=110)
    table = Table("20 tests", "compiled with each test", "compiled once", "times faster", "calls", title="Compile once")
    ratios = {}
    with judge() as host:
        measure(host, 2, "python", SLEEPING, once=True)  # the host's languages, and whatever else is slow at first
        for name, language, source in (("C++", "cpp", CPP), ("Java", "java", JAVA)):
            each_time = measure(host, 20, language, source, once=False)
            once = measure(host, 20, language, source, once=True)
            ratios[language] = each_time.seconds / once.seconds
            table.add_row(
                name,
                f"{each_time.seconds:.1f} s",
                f"{once.seconds:.1f} s",
                f"{ratios[language]:.1f}",
                f"{each_time.calls} -> {once.calls}",
            )
        console.print(table)
        table = Table(
            "Python, 12 tests", "seconds", "creates", "of sizes", "polls", "calls", title="Calls to the judge"
        )
        calls = {}
        for name, source in (("0.3 s of waiting", SLEEPING), ("0.3 s of work", WORKING)):
            found = measure(host, 12, "python", source, once=True)
            calls[name] = found.calls
            sizes = " ".join(map(str, found.batches))
            row = (f"{found.seconds:.1f}", str(len(found.batches)), sizes, str(found.polls), str(found.calls))
            table.add_row(name, *row)
        console.print(table)
    console.print(
        f"At least {12 // BATCH_SIZE} creates and as many polls are needed for 12 tests, {BATCH_SIZE} at a time. The"
        " first few polls find out how long a test takes; then each is asked for when it is due, and those that are due"
        " together in one call."
    )
    result = {
        "compile_once_cpp": round(ratios["cpp"], 2),
        "compile_once_java": round(ratios["java"], 2),
        "judge_calls_12_tests": calls["0.3 s of waiting"],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
