"""The supervisor with real processes: it restarts, it names, it leaves nothing behind."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest
from ucam_supervise import Child, Supervisor, backoff_s

from .conftest import Running, lives, until

Start = Callable[[str], Running]
SLEEPER = "Child('sleeper', ['sh', '-c', 'echo $$ >> sleeper; exec sleep 1000'], restart_min_s=0.05)"
FAMILY = "Child('family', ['sh', '-c', 'sleep 1000 & echo $! >> family; echo $$ >> family; wait'], restart_min_s=0.05)"
DEAF = "Child('deaf', ['sh', '-c', 'trap \"\" TERM; echo $$ >> deaf; while :; do sleep 0.1; done'], stop_timeout_s=0.3)"


def test_a_child_that_dies_is_named_and_started_again(supervised: Start) -> None:
    running = supervised(SLEEPER)
    until(lambda: running.pids("sleeper"), "first start")
    os.kill(running.pids("sleeper")[0], signal.SIGKILL)
    until(lambda: len(running.pids("sleeper")) == 2, "second start")
    assert "sleeper was ended by SIGKILL; it is started again in" in running.text()


def test_an_exit_code_is_named(supervised: Start) -> None:
    running = supervised("Child('quitter', ['sh', '-c', 'exit 7'])")
    running.wait_for("quitter ended with exit code 7")


def test_a_program_that_is_missing_is_named_and_tried_again(supervised: Start) -> None:
    running = supervised("Child('ghost', ['/nonexistent/program'], restart_min_s=0.05)")
    running.wait_for("ghost could not be started")
    until(lambda: running.text().count("ghost could not be started") > 1, "second attempt")


def test_each_line_of_a_child_has_its_name_in_front(supervised: Start) -> None:
    running = supervised("Child('talker', ['sh', '-c', 'echo one; echo two >&2; printf three; exec sleep 1000'])")
    running.wait_for("talker   | one\ntalker   | two\n")
    running.process.terminate()
    running.wait_for("talker   | three")


def test_a_child_that_dies_leaves_none_of_its_own_behind(supervised: Start) -> None:
    running = supervised(FAMILY)
    until(lambda: len(running.pids("family")) == 2, "both processes")
    grandchild, child = running.pids("family")
    os.kill(child, signal.SIGKILL)
    until(lambda: not lives(grandchild), "end of the grandchild")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(supervised: Start, number: signal.Signals) -> None:
    running = supervised(f"{SLEEPER}, {FAMILY}, {DEAF}")
    until(lambda: running.pids("deaf"), "last start")
    pids = running.pids("sleeper") + running.pids("family") + running.pids("deaf")
    running.process.send_signal(number)
    assert running.process.wait(10) == 0
    assert [pid for pid in pids if lives(pid)] == []


def test_a_second_signal_does_not_wait(supervised: Start) -> None:
    running = supervised(DEAF.replace("stop_timeout_s=0.3", "stop_timeout_s=1000"))
    until(lambda: running.pids("deaf"), "start")
    running.process.send_signal(signal.SIGINT)
    running.wait_for("SIGINT: stopping")
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(10) == 0
    assert not lives(running.pids("deaf")[0])


def test_a_supervisor_killed_by_force_leaves_no_child(supervised: Start) -> None:
    running = supervised(f"{SLEEPER}, {DEAF}")
    until(lambda: running.pids("deaf"), "last start")
    running.process.kill()
    running.process.wait(10)
    until(lambda: not any(map(lives, running.pids("sleeper") + running.pids("deaf"))), "end of the children")


def test_children_start_in_order_once_the_one_before_is_ready(supervised: Start) -> None:
    first = (
        "Child('first', ['sh', '-c', 'sleep 0.3; touch ready; exec sleep 1000'], ready=lambda: Path('ready').exists())"
    )
    running = supervised(f"{first}, Child('second', ['sh', '-c', 'ls ready && exec sleep 1000'])")
    running.wait_for("second   | ready")


def test_a_child_that_never_becomes_ready_ends_the_start_with_a_sentence(supervised: Start) -> None:
    running = supervised(f"{SLEEPER}, Child('never', ['sleep', '1000'], ready=lambda: False, ready_timeout_s=0.3)")
    assert running.process.wait(10) == 1
    assert "never was not ready within" in running.text()
    assert not lives(running.pids("sleeper")[0])


async def test_a_kick_starts_one_child_afresh_and_states_are_told() -> None:
    told: list[tuple[str, str]] = []
    supervisor = Supervisor(
        [Child("one", ["sleep", "1000"], restart_min_s=0.05), Child("two", ["sleep", "1000"])],
        on_state=lambda name, state: told.append((name, state)),
    )
    before: dict[str, int] = {}

    async def kick(running: Supervisor) -> None:
        before.update(running.pids)
        running.kick("one")
        running.kick("one")
        while running.pids["one"] == before["one"]:  # noqa: ASYNC110 - a process, not a coroutine, is awaited
            await asyncio.sleep(0.01)
        assert running.pids["two"] == before["two"]
        running.stop()

    assert await supervisor.serve(kick) == 0
    assert [state for name, state in told if name == "one"] == [
        "starting", "running", "waiting", "starting", "running", "stopping", "stopped",
    ]  # fmt: skip


def test_the_back_off_doubles_up_to_its_cap() -> None:
    child = Child("any", ["true"], restart_min_s=0.5, restart_max_s=30)
    waits = [backoff_s(child, failures) for failures in range(1, 40)]
    for failures, wait in enumerate(waits, 1):
        longest = min(30, 0.5 * 2 ** (failures - 1))
        assert 0.75 * longest <= wait <= longest


def test_a_child_that_lived_for_a_while_starts_with_the_shortest_back_off_again(supervised: Start) -> None:
    running = supervised("Child('settled', ['sleep', '0.1'], restart_min_s=0.05, settled_s=0.08)")
    until(lambda: running.text().count("settled ended") >= 5, "five deaths")
    assert "started again in 0.1 s" in running.text() or "started again in 0.0 s" in running.text()
    assert "started again in 0.2 s" not in running.text()


def test_a_child_that_did_its_work_starts_with_the_shortest_back_off_again_too(supervised: Start) -> None:
    running = supervised("Child('worker', ['true'], restart_min_s=0.05, worked=lambda: True)")
    until(lambda: running.text().count("worker ended") >= 5, "five deaths")
    assert "started again in 0.2 s" not in running.text()
