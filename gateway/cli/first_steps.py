"""What `sizewise serve` says when it has nothing to serve: what it found here, and what to write."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.policyfile.source import is_policy_file
from gateway.settings import Settings

_PROVIDER_KEYS: Final = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "MISTRAL_API_KEY", "ANTHROPIC_API_KEY")
_LOCAL_SERVERS: Final = {
    "Ollama": 11434,
    "LM Studio": 1234,
    "vLLM": 8000,
    "GPT4All": 4891,
}
"""OpenAI-compatible servers by their usual port. llama.cpp's is 8080, which is our own."""

_KEYS: Final = """\
Choose the keys your clients will send:

  export SIZEWISE_API_KEYS=your-key,another-key

Or keep them in the database, with teams, expiry and limits: `sizewise keys create` says how.
"""
_POLICY: Final = """\
deployments:
  - name: small
    tier: small
    provider: openai
    model: {small_model}
    api_base: {api_base}
    price: {{input_per_mtok_usd: 0, output_per_mtok_usd: 0}}    # or {{gpu_hour_usd: 2.10, tokens_per_second: 900}}
  - name: large
    tier: large
    provider: openai
    model: gpt-4o
    api_key: ${{OPENAI_API_KEY}}
routes:
  - {{name: small-first, try: [small], then: [large]}}
  - {{name: large-only, try: [large]}}
policies:
  - name: default
    serves: [auto]
    baseline: large
    quality: {{threshold: 0.6}}
    rules:
      - name: easy goes small
        when: classification.has_evidence && classification.small_ok >= quality.threshold
        route: small-first
    default: large-only
"""


def first_steps(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """One screen of help where keys or policies are missing, None where both are there."""
    has_policies = _has_policy_files(settings.policies)
    has_keys = bool(settings.api_keys) or settings.key_pepper is not None
    if has_policies and has_keys:
        return None
    found = _found(settings, environment, has_policies=has_policies)
    steps = []
    if not has_keys:
        steps.append(_KEYS)
    if not has_policies:
        file = settings.policies / "default.yaml"
        steps.append(f"Write {str(file)!r}; this one is complete:\n\n{_indented(_policy())}")
    numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return (
        f"there is nothing to serve yet.\n\nFound\n{found}\n\nTo do\n{numbered}\n"
        "Then `sizewise serve` again. To look around without any of this: sizewise serve --demo"
    )


def _has_policy_files(directory: Path) -> bool:
    return directory.is_dir() and any(is_policy_file(path) for path in directory.iterdir())


def _found(settings: Settings, environment: Mapping[str, str], *, has_policies: bool) -> str:
    keys = [name for name in _PROVIDER_KEYS if environment.get(name)]
    servers = [f"{name} on port {port}" for name, port in _LOCAL_SERVERS.items() if _is_listening(port)]
    lines = {
        "client keys": f"{len(settings.api_keys)} in SIZEWISE_API_KEYS" if settings.api_keys else "none",
        "policy files": f"in {str(settings.policies)!r}" if has_policies else f"none in {str(settings.policies)!r}",
        "provider keys": ", ".join(keys) or "none in the environment",
        "local servers": ", ".join(servers) or "none on the usual ports",
    }
    return "\n".join(f"  {what:<14} {value}" for what, value in lines.items())


def _policy() -> str:
    """The policy to write, with the first local server found as the small deployment."""
    port = next((port for port in _LOCAL_SERVERS.values() if _is_listening(port)), 11434)
    return _POLICY.format(small_model="llama3.2", api_base=f"http://127.0.0.1:{port}/v1")


def _is_listening(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return True
    except OSError:
        return False


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines()) + "\n"
