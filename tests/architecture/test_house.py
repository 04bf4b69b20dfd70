"""Rules of the house that no linter knows."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_LINES_MAX = 500
LONGER_FILES: set[str] = set()
"""Files over the limit; this set only shrinks."""


def python_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


@pytest.mark.parametrize("name", ["pyairtable", "supabase", "redis", "boto3", "mcp", "fastmcp", "psycopg"])
def test_vendor_sdk_is_loaded_from_site_packages(name: str) -> None:
    found = importlib.import_module(name).__file__
    assert found is not None
    assert "site-packages" in Path(found).parts


def test_packages_live_only_under_a_member_s_src() -> None:
    inits = [path.relative_to(ROOT) for path in python_files() if path.name == "__init__.py"]
    assert inits
    assert [str(path) for path in inits if "src" not in path.parts] == []


def test_init_modules_hold_a_docstring_and_nothing_else() -> None:
    inits = [path for path in python_files() if path.name == "__init__.py"]
    code = [str(path.relative_to(ROOT)) for path in inits if "import " in path.read_text(encoding="utf-8")]
    assert code == []


def test_no_module_is_named_like_the_standard_library_or_a_dependency() -> None:
    taken = set(sys.stdlib_module_names) | {"redis", "supabase", "boto3", "mcp", "fastmcp", "starlette", "pyairtable"}
    vague = {"utils", "helpers", "common", "base", "misc"}
    sources = [path for path in python_files() if "src" in path.parts]
    assert [str(path) for path in sources if path.stem in taken | vague] == []


def test_files_stay_short_enough_to_read() -> None:
    long = {
        str(path.relative_to(ROOT))
        for path in python_files()
        if len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES_MAX
    }
    assert long == LONGER_FILES
