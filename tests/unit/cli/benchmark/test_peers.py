"""Which peers are here, and how one gets those that are not."""

from pathlib import Path

import pytest

from gateway.cli.benchmark.peers import PEERS, find_peers, litellm_config
from gateway.cli.benchmark.scenarios import UPSTREAM_MODEL_OF
from gateway.cli.benchmark.targets import Installed, Missing


def test_a_peer_that_is_missing_is_listed_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    peers = find_peers(litellm=None, portkey=None)

    assert [peer.name for peer in peers] == list(PEERS)
    assert all(isinstance(peer, Missing) and "install" in peer.remedy for peer in peers)


def test_a_path_that_leads_nowhere_is_named() -> None:
    _, litellm, portkey = find_peers(litellm=Path("/nowhere/python"), portkey=Path("/nowhere"))

    assert isinstance(litellm, Missing)
    assert isinstance(portkey, Missing)
    assert "'/nowhere/python'" in litellm.remedy
    assert "'/nowhere'" in portkey.remedy


def test_peers_that_are_here_can_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "@portkey-ai" / "gateway").mkdir(parents=True)
    for name in ("nginx", "node", "python"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    peers = find_peers(litellm=tmp_path / "python", portkey=tmp_path)

    assert [type(peer) for peer in peers] == [Installed] * 3


def test_litellm_serves_every_alias_with_its_key_check_on() -> None:
    config = litellm_config("http://127.0.0.1:1/v1", "a-key")

    assert [model["model_name"] for model in config["model_list"]] == list(UPSTREAM_MODEL_OF)  # type: ignore[attr-defined]
    assert config["general_settings"]["master_key"] == "a-key"  # type: ignore[index]
