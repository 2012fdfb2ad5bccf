"""CPU and memory by group of processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.cpu import Process, cpu_seconds, grouped, memory_mb, parsed, spent

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux's /proc is not there")


def test_a_name_with_spaces_and_brackets_does_not_shift_the_fields() -> None:
    stat = "4711 (a) b (c) S 17 4711 4711 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7"
    assert parsed(stat) == Process(4711, 17, 127)


def test_a_process_belongs_to_its_nearest_root() -> None:
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 13: 10, 99: 1}
    table = {pid: Process(pid, parent, 1) for pid, parent in parents.items()}
    groups = grouped(table, {10: "runner", 11: "PostgreSQL"})
    assert {name: {each.pid for each in found} for name, found in groups.items()} == {
        "runner": {10, 13},
        "PostgreSQL": {11, 12},
    }


def test_two_roots_may_be_one_group() -> None:
    table = {pid: Process(pid, 1, 5) for pid in (20, 21)}
    assert len(grouped(table, {20: "RabbitMQ", 21: "RabbitMQ"})["RabbitMQ"]) == 2


def test_what_a_child_used_is_counted_while_it_lives_and_after_it_has_ended() -> None:
    burn = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.3: pass"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print('ended', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ended\n"
        used = cpu_seconds({parent.pid: "group"})
        assert memory_mb({parent.pid: "group"})["group"] > 1
        parent.communicate(b"\n")
    assert 0.3 <= used["group"] < 3


def test_the_work_of_others_is_not_counted() -> None:
    deadline = time.process_time() + 0.1
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as idle:
        roots = {idle.pid: "idle", os.getpid(): "me"}
        before = cpu_seconds(roots)
        while time.process_time() < deadline:
            pass
        used = spent(before, cpu_seconds(roots))
        idle.communicate(b"\n")
    assert used["me"] >= 0.08


def test_only_the_groups_asked_for_are_told() -> None:
    assert spent({"a": 1.0, "b": 2.0}, {"a": 1.5, "b": 5.0, "c": 0.25}) == {"a": 0.5, "b": 3.0, "c": 0.25}
    assert spent({"a": 1.0, "b": 2.0}, {"a": 1.5, "b": 5.0}, ("b",)) == {"b": 3.0}
