import re
from pathlib import Path

from gateway.domain.decision import decide
from gateway.policyfile.loader import load_policies
from gateway.providers.price_map import PriceMap
from tests.builders import a_classification, a_request, some_facts

README = Path(__file__).parents[2] / "README.md"


def test_the_policy_of_the_readme_loads_and_decides_as_its_comments_say(tmp_path: Path) -> None:
    policy = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[0]
    (tmp_path / "default.yaml").write_text(policy, encoding="utf-8")

    loaded = load_policies(tmp_path, PriceMap(), {"OPENAI_API_KEY": "not-a-secret"})

    auto = loaded.by_alias["auto"]
    assert loaded.deployments["gpt-large"].price is not None
    assert decide(auto, some_facts(classification=a_classification(0.9))).route.name == "small-first"
    assert decide(auto, some_facts(classification=a_classification(0.2))).route.name == "large-only"
    personal = decide(auto, some_facts(a_request("write to ann@example.com")))
    assert [each.name for each in personal.plan] == ["llama-onprem"]
