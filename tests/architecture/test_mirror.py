"""`tests/unit/` mirrors `gateway/`, path for path; an `__init__.py` with code is mirrored by `test_init.py`."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]

EXEMPT = {
    "gateway/__main__.py": "calls the command line and nothing else; tests/api starts the process",
    "gateway/api/asgi.py": "names for ASGI's types",
    "gateway/cli/benchmark/errors.py": "two names for what went wrong; the tests of what raises them are beside that",
    "gateway/providers/http_client.py": "Protocols and two errors; test_http1 tests what stands behind them",
    "gateway/providers/scripted/__main__.py": "a command for people; the server it starts has its own tests",
    "gateway/providers/litellm_settings.py": "switches, seen at work by test_litellm_client and tests/conformance",
    **dict.fromkeys(
        (f"gateway/providers/{name}.py" for name in ("tgi_generate", "tgi_wire", "watsonx_http")),
        "a wire format, driven over the wire by tests/conformance",
    ),
    **dict.fromkeys(
        (
            f"gateway/providers/scripted/{part}.py"
            for part in (
                "connection",
                "delivery",
                "playback",
                "reply_faults",
                "request",
                "responder",
                "script",
                "stream_faults",
            )
        ),
        "a part of the scripted server, driven over the wire by test_server, test_answers and test_faults",
    ),
}


def _is_documentation(node: ast.stmt) -> bool:
    """Docstrings, imports and dunder names (`__all__`, `__version__`): nothing a test could state a rule about."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) and target.id.startswith("__") for target in node.targets)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _has_code(path: Path) -> bool:
    return not all(map(_is_documentation, ast.parse(path.read_text(encoding="utf-8")).body))


def _mirror(path: Path) -> Path:
    inside = path.relative_to(ROOT / "gateway")
    stem = "init" if inside.stem == "__init__" else inside.stem
    return ROOT / "tests" / "unit" / inside.parent / f"test_{stem}.py"


def _modules() -> list[Path]:
    return sorted(path for path in (ROOT / "gateway").rglob("*.py") if "__pycache__" not in path.parts)


def test_every_module_with_code_has_its_test_file() -> None:
    missing = [
        f"{path.relative_to(ROOT)} wants {_mirror(path).relative_to(ROOT)}"
        for path in _modules()
        if str(path.relative_to(ROOT)) not in EXEMPT and _has_code(path) and not _mirror(path).is_file()
    ]

    assert missing == []


def test_no_exemption_outlives_its_reason() -> None:
    stale = [name for name in EXEMPT if not (ROOT / name).is_file() or _mirror(ROOT / name).is_file()]

    assert stale == []
