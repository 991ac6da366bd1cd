"""Shared by the benchmarks: workers side by side, each its own process, asked in turns.

A worker does what it is told on its standard input and answers with the CPU time it took. Turns
rotate, so that whatever else the machine does hits all variants alike; the figure of a variant is
the 20th percentile of its rounds, and what is printed are differences and ratios from one run.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import quantiles

ROUNDS = 25


class Worker:
    """One variant in a process of its own: `script --worker name`."""

    def __init__(self, script: str, name: str) -> None:
        self.name = name
        self.times: list[float] = []
        self._process = subprocess.Popen(
            [sys.executable, script, "--worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready = self.ask("ready")

    def ask(self, line: str) -> str:
        """Send a line, wait for the answer."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise SystemExit(f"the worker {self.name} ended")
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    @property
    def figure(self) -> float:
        """The 20th percentile of its rounds."""
        return quantiles(self.times, n=5)[0]


def in_turns(
    workers: list[Worker], one_round: Callable[[Worker], float], rounds: int = ROUNDS
) -> None:
    """Let every worker do its round, again and again, in rotating order."""
    for n in range(rounds):
        for k in range(len(workers)):
            worker = workers[(n + k) % len(workers)]
            worker.times.append(one_round(worker))


def cpu_of(work: Callable[[], object], times: int) -> float:
    """Microseconds of CPU this process spends on one call, over so many."""
    began = time.process_time_ns()
    for _ in range(times):
        work()
    return (time.process_time_ns() - began) / times / 1000


def answer_on_stdin(handle: Callable[[str], object]) -> None:
    """The worker's side: one answer line for each line."""
    for line in sys.stdin:
        print(handle(line.strip()), flush=True)
