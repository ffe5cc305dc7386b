"""Puts into pytest's report what it leaves out: that a test failed before it passed, whatever ran it again, and that
one passes although it is marked xfail."""

import pytest

passed_xfail = set()


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.user_properties.append(("spec.failed", call.when))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report):
    if report.passed and hasattr(report, "wasxfail"):
        passed_xfail.add(report.nodeid)
    if report.when == "teardown" and report.nodeid in passed_xfail:
        report.user_properties.append(("spec.xpass", "1"))
