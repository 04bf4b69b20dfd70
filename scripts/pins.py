"""Keep every transitive version as an exact pin in `[tool.uv] constraint-dependencies` of the root `pyproject.toml`.

`python -m scripts.pins` compares the pins with what is installed by this resolution and fails on drift;
`python -m scripts.pins --upgrade UV` resolves anew without pins, with that uv, and writes what came out.
The lock file itself is not committed: it names the registry it was made with.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "pyproject.toml"
BLOCK = re.compile(r"^constraint-dependencies = \[\n.*?^\]\n", re.DOTALL | re.MULTILINE)


def main(argv: list[str]) -> int:
    """Check, or with `--upgrade UV` resolve and write; 1 means drift."""
    if argv[:1] == ["--upgrade"]:
        return upgrade(argv[1] if len(argv) > 1 else "uv")
    pinned = set(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["uv"].get("constraint-dependencies", []))
    resolved = set(locked())
    for line in sorted(resolved ^ pinned):
        sys.stdout.write(f"{'not pinned' if line in resolved else 'pinned but not resolved'}: {line}\n")
    if resolved != pinned:
        sys.stdout.write("pyproject.toml does not pin this resolution: run 'make lock'\n")
    return int(resolved != pinned)


def locked() -> list[str]:
    """`name==version` of every third-party package in `uv.lock`, one for each version a platform may get."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    versions: dict[str, list[str]] = {}
    for package in packages:
        if "registry" in package["source"]:
            versions.setdefault(package["name"], []).append(package["version"])
    return [f"{name}=={found[0]}" for name, found in sorted(versions.items()) if len(found) == 1]


def upgrade(uv: str) -> int:
    """Resolve without pins and write the pins of what came out."""
    text = BLOCK.sub("", PROJECT.read_text(encoding="utf-8"))
    PROJECT.write_text(text, encoding="utf-8")
    subprocess.run([uv, "lock", "--upgrade", "--quiet"], cwd=ROOT, check=True)
    pins = "".join(f'  "{line}",\n' for line in locked())
    block = f"constraint-dependencies = [\n{pins}]\n"
    PROJECT.write_text(text.replace("[tool.uv]\npackage = false\n", f"[tool.uv]\npackage = false\n{block}"), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
