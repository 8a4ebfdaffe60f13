"""The import rules of pyproject.toml hold, and what they cannot say: what starting the gateway loads."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ALLOWED_IN_THE_DOMAIN = {
    "ast",  # parses, and runs nothing
    "bisect",
    "collections",
    "datetime",  # values and formats; never now()
    "decimal",
    "difflib",
    "gateway",
    "hashlib",
    "itertools",
    "jsonschema_rs",  # offline
    "math",
    "functools",
    "msgspec",
    "operator",
    "re",
    "re2",  # patterns of hundreds of words, in linear time
    "stdnum",  # checksums of identity numbers
    "textwrap",
    "typing",
    "unicodedata",
    "zlib",  # a checksum
    "zoneinfo",  # calendars; the time comes in as an argument
}
NEVER_LOADED_BY_SERVE = ("alembic", "litellm", "matplotlib", "redis", "scipy", "sklearn", "sqlalchemy")

_IMPORT = "import gateway.cli.serve"
_ASSEMBLE = """
from pathlib import Path
from gateway.bootstrap import assemble
from gateway.cli.serve import DEMO_UPSTREAM, demo_policies
from gateway.settings import Settings
assemble(Settings(policies=demo_policies()), environment={DEMO_UPSTREAM: "http://127.0.0.1:9/v1"})
"""


def _imported(path: Path) -> set[str]:
    """The top-level packages a file imports, wherever in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return {name.partition(".")[0] for name in names}


def test_every_import_contract_is_kept() -> None:
    # In a process of its own: import-linter turns off every logger that is there.
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    command = [sys.executable, "-c", lint]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_no_contract_has_been_dropped() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]

    layers = [contract for contract in contracts if contract["type"] == "layers"]
    doors = [contract["name"] for contract in contracts if contract["name"].startswith("one door per vendor")]
    assert [contract["exhaustive"] for contract in layers] == [True]
    assert layers[0]["layers"][-1] == "domain"
    assert len(doors) == 6


@pytest.mark.parametrize("path", sorted((ROOT / "gateway" / "domain").glob("*.py")), ids=lambda path: path.stem)
def test_the_domain_imports_nothing_but_itself_and_pure_libraries(path: Path) -> None:
    assert _imported(path) - ALLOWED_IN_THE_DOMAIN == set()


@pytest.mark.parametrize("program", [_IMPORT, _ASSEMBLE], ids=["import", "assemble"])
def test_starting_the_gateway_loads_no_heavy_library(program: str, tmp_path: Path) -> None:
    asked = f"{program}\nimport sys\nprint([name for name in {NEVER_LOADED_BY_SERVE!r} if name in sys.modules])"

    ran = subprocess.run(
        [sys.executable, "-c", asked],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
    )

    assert ran.stdout.strip() == "[]"
