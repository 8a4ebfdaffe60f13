"""How a run is set up."""

from pathlib import Path

from gateway.cli.benchmark.run import bare_environment


def test_targets_inherit_no_proxy_no_credential_and_no_setting() -> None:
    ours = {
        "PATH": "/bin",
        "http_proxy": "x",
        "OPENAI_API_KEY": "x",
        "SIZEWISE_PORT": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    assert bare_environment(ours, Path("/tmp/home")) == {"PATH": "/bin", "LANG": "C.UTF-8", "HOME": "/tmp/home"}
