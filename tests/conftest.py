"""What every test runs under: the property profiles, the blocking-call detector, no silent skips in CI."""

import inspect
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from blockbuster import BlockBuster
from hypothesis import HealthCheck, settings

# `deep` is for before a release: a reader of bytes once passed 200 examples and failed at 4,000.
# No deadline per example: a shared machine may stop any one of them for longer than any honest bound.
EASY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", EASY, max_examples=60)
settings.register_profile("deep", EASY, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

# Functions that read a file while the house is built, before a door is open.
AT_START = {
    "proxy/app.py": {"build"},
}

IN_CI = os.environ.get("CI", "").lower() == "true"


@pytest.fixture(scope="session")
def blocking_calls() -> BlockBuster:
    """Finds calls that would stop the event loop, when `proxy` made them. A test's own may block."""
    detector = BlockBuster(scanned_modules="proxy")
    for blocking in detector.functions.values():
        for filename, functions in AT_START.items():
            blocking.can_block_in(filename, functions)
    return detector


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop(request: pytest.FixtureRequest, blocking_calls: BlockBuster) -> Iterator[None]:
    """On in async tests only: the detector makes every lock in the process slower."""
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    blocking_calls.activate()
    yield
    blocking_calls.deactivate()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a test that skips itself has failed: a real part is missing, or nobody looked."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and in CI nothing may be: {call.excinfo}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself while it is read."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, and in CI nothing may be"
    return report
