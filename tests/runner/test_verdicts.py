"""Every language and every status, judged for real."""

from collections.abc import Callable
from typing import Any

import pytest

PYTHON, C, CPP, JAVA, JAVASCRIPT, BASH = 71, 50, 54, 62, 63, 46

HELLO = {
    PYTHON: "print('hi', input())",
    C: '#include <stdio.h>\nint main(void) { char s[9]; scanf("%8s", s); printf("hi %s\\n", s); }',
    CPP: '#include <iostream>\nint main() { std::string s; std::cin >> s; std::cout << "hi " << s << "\\n"; }',
    JAVA: 'import java.util.Scanner;\npublic class Main { static class Inner { String hi = "hi "; }\n'
    "public static void main(String[] a) { System.out.println(new Inner().hi + new Scanner(System.in).next()); } }",
    JAVASCRIPT: "console.log('hi ' + require('fs').readFileSync('/dev/stdin', 'utf8').trim())",
    BASH: "read x; echo hi $x",
}

BROKEN = {
    C: "int main(void) { return x; }",
    CPP: "int main() { return x; }",
    JAVA: "public class Main { int x = ; }",
}

FAILING = {
    PYTHON: ("raise SystemExit(7)", 7),
    C: ("int main(void) { return 7; }", 7),
    CPP: ("int main() { return 7; }", 7),
    JAVA: ('public class Main { public static void main(String[] a) { throw new RuntimeException("no"); } }', 1),
    JAVASCRIPT: ("process.exit(7)", 7),
    BASH: ("exit 7", 7),
}


@pytest.mark.parametrize("language_id", HELLO)
def test_every_language_says_hello(judge0: Any, has: Callable[[int], None], language_id: int) -> None:
    has(language_id)
    done = judge0.judge(language_id, HELLO[language_id], stdin="bob\n", expected_output="hi bob")
    assert (done["status_id"], done["stdout"], done["stderr"]) == (3, b"hi bob\n", None)
    assert (done["exit_code"], done["exit_signal"], done["message"]) == (0, None, None)


@pytest.mark.parametrize("language_id", BROKEN)
def test_what_does_not_compile_is_a_compilation_error_with_the_compilers_words(
    judge0: Any, has: Callable[[int], None], language_id: int
) -> None:
    has(language_id)
    done = judge0.judge(language_id, BROKEN[language_id])
    assert done["status"] == {"id": 6, "description": "Compilation Error"}
    assert b"error" in done["compile_output"]
    assert {done[name] for name in ("stdout", "stderr", "time", "wall_time", "memory", "exit_code", "message")} == {
        None
    }


@pytest.mark.parametrize("language_id", FAILING)
def test_a_non_zero_exit_is_told_with_its_code(judge0: Any, has: Callable[[int], None], language_id: int) -> None:
    has(language_id)
    source, code = FAILING[language_id]
    done = judge0.judge(language_id, source)
    assert (done["status_id"], done["exit_code"], done["exit_signal"]) == (11, code, None)
    assert done["message"] == b"Exited with error status %d" % code


@pytest.mark.parametrize(
    ("name", "number", "status"),
    [("SEGV", 11, 7), ("XFSZ", 25, 8), ("FPE", 8, 9), ("ABRT", 6, 10), ("TERM", 15, 12), ("KILL", 9, 12)],
)
def test_a_signal_has_its_status(judge0: Any, name: str, number: int, status: int) -> None:
    done = judge0.judge(BASH, f"kill -{name} $$; sleep 5")
    assert (done["status_id"], done["exit_signal"], done["exit_code"]) == (status, number, 0)
    assert done["message"] == b"Caught fatal signal %d" % number


def test_a_c_program_that_divides_by_zero_is_sigfpe(judge0: Any, has: Callable[[int], None]) -> None:
    has(C)
    done = judge0.judge(C, "int main(int n, char **a) { volatile int zero = 0; return n / zero + 7 / zero; }")
    assert done["status_id"] == 9


@pytest.mark.parametrize(
    ("expected", "output", "status"),
    [
        ("1\n2\n", "1  \n2\n\n\n", 3),
        ("1  \r\n2", "1\n2", 3),
        ("1\n2", " 1\n2", 4),
        ("1 2", "1  2", 4),
        ("1\n\n2", "1\n2", 4),
        ("é", "é\n", 3),
        ("", "\n", 3),
        ("", "", 4),
        ("x", "", 4),
        (None, "anything", 3),
    ],
)
def test_outputs_are_compared_as_judge0_does(judge0: Any, expected: str | None, output: str, status: int) -> None:
    done = judge0.judge(BASH, "cat", stdin=output, expected_output=expected)
    assert done["status_id"] == status
    assert done["stdout"] == (output.encode() or None)


def test_a_busy_loop_ends_at_the_cpu_limit_and_its_extra_time(judge0: Any) -> None:
    done = judge0.judge(PYTHON, "print('begun', flush=True)\nwhile True: pass", cpu_time_limit=0.3, cpu_extra_time=0.2)
    assert (done["status_id"], done["message"], done["stdout"]) == (5, b"Time limit exceeded", b"begun\n")
    assert (done["exit_code"], done["exit_signal"]) == (0, None)
    assert float(done["time"]) > 0.5


def test_a_program_that_ends_within_the_extra_time_is_over_the_limit_all_the_same(judge0: Any) -> None:
    source = "import time\nwhile time.process_time() < 0.5: pass"
    done = judge0.judge(PYTHON, source, cpu_time_limit=0.2, cpu_extra_time=4)
    assert (done["status_id"], done["message"]) == (5, b"Time limit exceeded")


def test_the_cpu_time_of_children_counts(judge0: Any) -> None:
    source = "import os\nfor _ in range(3):\n  if os.fork() == 0:\n    while True: pass\nos.wait()"
    done = judge0.judge(PYTHON, source, cpu_time_limit=0.4, cpu_extra_time=0.1)
    assert (done["status_id"], done["message"]) == (5, b"Time limit exceeded")


def test_the_cpu_time_of_children_that_have_ended_counts(judge0: Any) -> None:
    source = """import os, time
while True:
    print("child", flush=True)
    if os.fork() == 0:
        while time.process_time() < 0.1: pass
        os._exit(0)
    os.wait()"""
    done = judge0.judge(PYTHON, source, cpu_time_limit=1.0, cpu_extra_time=0.1, wall_time_limit=20)
    assert (done["status_id"], done["message"]) == (5, b"Time limit exceeded")
    assert done["stdout"].count(b"child") >= 8, "each counts once"


def test_a_sleeper_ends_at_the_wall_limit(judge0: Any) -> None:
    done = judge0.judge(PYTHON, "import time; time.sleep(9)", wall_time_limit=1)
    assert (done["status_id"], done["message"]) == (5, b"Time limit exceeded (wall clock)")
    assert float(done["wall_time"]) > 1 > float(done["time"])


def test_too_much_memory_ends_with_signal_9_and_shows_the_limit(judge0: Any) -> None:
    done = judge0.judge(PYTHON, "x = bytearray(1 << 30)", memory_limit=64_000)
    assert (done["status_id"], done["exit_signal"], done["memory"]) == (12, 9, 64_000)


def test_too_much_memory_in_java_ends_the_same_way(judge0: Any, has: Callable[[int], None]) -> None:
    has(JAVA)
    source = "public class Main { public static void main(String[] a) { int[] x = new int[100_000_000]; } }"
    done = judge0.judge(JAVA, source)
    assert (done["status_id"], done["exit_signal"], done["memory"]) == (12, 9, 128_000)


def test_a_java_program_that_makes_much_garbage_passes(judge0: Any, has: Callable[[int], None]) -> None:
    has(JAVA)
    source = """public class Main { public static void main(String[] a) {
        long n = 0;
        for (int i = 0; i < 2000; i++) n += new int[250_000].length;
        System.out.println(n); } }"""
    assert judge0.judge(JAVA, source)["stdout"] == b"500000000\n"


def test_memory_in_use_is_told_in_kb(judge0: Any) -> None:
    done = judge0.judge(PYTHON, "import time\nx = bytearray(90 << 20)\ntime.sleep(2)")
    assert done["status_id"] == 3
    assert 90 * 1024 < done["memory"] < 128_000


def test_forked_processes_share_their_pages(judge0: Any) -> None:
    source = """import os, time
x = bytearray(70 << 20)
for _ in range(3):
    if os.fork() == 0: time.sleep(9)
time.sleep(0.5)"""  # they all end at once, with the box: who ends alone leaves the others more pages of their own
    assert judge0.judge(PYTHON, source)["status_id"] == 3


def test_a_flood_of_output_is_cut_at_max_file_size(judge0: Any) -> None:
    done = judge0.judge(PYTHON, "while True: print('x' * 9999)", max_file_size=64)
    assert (done["status_id"], done["exit_signal"]) == (8, 25)
    assert len(done["stdout"]) == 64 * 1024


def test_output_of_exactly_max_file_size_passes(judge0: Any) -> None:
    done = judge0.judge(PYTHON, "print('x' * (64 * 1024), end='')", max_file_size=64)
    assert (done["status_id"], len(done["stdout"])) == (3, 64 * 1024)


def test_a_file_may_not_outgrow_max_file_size(judge0: Any) -> None:
    done = judge0.judge(BASH, "head -c 100000 /dev/zero > big || echo no", max_file_size=64)
    assert (done["status_id"], done["stdout"]) == (3, b"no\n")


def test_stdin_that_is_never_read_hinders_nobody(judge0: Any) -> None:
    done = judge0.judge(PYTHON, "print('done')", stdin="x" * 5_000_000)
    assert (done["status_id"], done["stdout"]) == (3, b"done\n")


def test_stdin_of_five_megabytes_arrives_whole(judge0: Any) -> None:
    done = judge0.judge(BASH, "wc -c", stdin="x" * 5_000_000)
    assert done["stdout"].strip() == b"5000000"


def test_a_program_that_closed_its_stdout_is_still_watched(judge0: Any) -> None:
    source = "import os\nos.close(1); os.close(2)\nwhile True: pass"
    done = judge0.judge(PYTHON, source, cpu_time_limit=0.3, cpu_extra_time=0)
    assert (done["status_id"], done["message"]) == (5, b"Time limit exceeded")


def test_stderr_joins_stdout_when_asked(judge0: Any) -> None:
    done = judge0.judge(BASH, "echo one; echo two >&2; echo three", redirect_stderr_to_stdout=True)
    assert (done["stdout"], done["stderr"]) == (b"one\ntwo\nthree\n", None)


def test_arguments_arrive_without_shell_characters(judge0: Any) -> None:
    done = judge0.judge(BASH, 'printf "[%s]" "$@"', command_line_arguments="a 'b c' $HOME; y > x")
    assert done["stdout"] == b"[a][b c][HOME][y][x]"


def test_compiler_options_reach_the_compiler(judge0: Any, has: Callable[[int], None]) -> None:
    has(CPP)
    source = '#include <cstdio>\nint main() { std::printf("%d", ANSWER); }'
    assert judge0.judge(CPP, source, compiler_options="-O2 -DANSWER=42")["stdout"] == b"42"


def test_warnings_of_the_compiler_are_told_with_a_good_run(judge0: Any, has: Callable[[int], None]) -> None:
    has(C)
    done = judge0.judge(C, "int main(void) { int unused; return 0; }", compiler_options="-Wall")
    assert done["status_id"] == 3
    assert b"unused" in done["compile_output"]


def test_a_program_without_a_binary_is_a_runtime_error(judge0: Any, has: Callable[[int], None]) -> None:
    has(C)
    assert judge0.judge(C, "int x;", compiler_options="-c")["exit_code"] == 127


def test_several_runs_stop_at_the_first_that_fails(judge0: Any) -> None:
    done = judge0.judge(BASH, "exit 3", number_of_runs=5)
    assert (done["status_id"], done["number_of_runs"]) == (11, 5)


def test_output_that_is_not_utf_8_arrives_unchanged(judge0: Any) -> None:
    assert judge0.judge(BASH, r"printf '\xff\x00\xfe'")["stdout"] == b"\xff\x00\xfe"
