"""``pytest autograder/checks --submission PATH``: the checks with pytest's own output and options.

pytest loads this wherever the kit is installed; without the option it does nothing.
"""

from pathlib import Path

import pytest

from lab3.errors import LabError

CHECKS = Path(__file__).with_name("checks")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab3", "grading a submission of Lab 3")
    group.addoption(
        "--submission", type=Path, metavar="PATH", help="The folder or archive that is graded."
    )
    group.addoption("--rubric", type=Path, metavar="FILE", help="Another rubric.toml.")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--submission")
    if path is None:
        return
    require_own_settings(config)
    from autograder.session import Session

    try:
        session = Session(path, config.getoption("--rubric"))
    except LabError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(session, "lab3-submission")


def require_own_settings(config: pytest.Config) -> None:
    """Raise UsageError when pytest took its settings from a place that may be the submission's.

    pytest looks for them before it knows of ``--submission``, in all folders that are named.
    """
    file, is_named = config.inipath, bool(config.getoption("inifilename"))
    if is_named or file is None or file.parent in (CHECKS, *CHECKS.parents):
        return
    raise pytest.UsageError(
        f"pytest took settings from {str(file)!r}: if that is the submission's, its code has"
        " run without walls; name the checks first: pytest autograder/checks --submission PATH"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_about_one = config.getoption("--submission") is not None
    if not is_about_one and any(CHECKS in item.path.parents for item in items):
        raise pytest.UsageError("name what the checks are about: --submission PATH")
