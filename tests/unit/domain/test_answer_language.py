import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answer_language import is_in_another_language
from gateway.domain.language import LANGUAGES, language_of
from tests.cpu_time import cpu_s

TEXTS = {
    "en": "The invoice is due on the first of the month, and the customer has to be told before we send a letter.",
    "es": "La factura vence el primer día del mes y hay que avisar al cliente antes de enviar la segunda carta.",
    "pt": "A fatura vence no primeiro dia do mês, e não podemos enviar a segunda carta sem antes falar com o cliente.",
    "de": "Die Rechnung ist am Ersten des Monats fällig, und der Kunde muss vor dem zweiten Brief informiert sein.",
    "fr": "La facture est due le premier jour du mois et le client doit être prévenu avant la deuxième lettre.",
    "it": "La fattura scade il primo giorno del mese e il cliente deve essere avvisato prima della seconda lettera.",
    "nl": "De factuur vervalt op de eerste dag van de maand en de klant moet dat weten voordat wij de brief sturen.",
    "zh": "发票在每月第一天到期，我们在寄出第二封信之前必须通知客户，并且记录所有的付款情况。",
    "ja": "請求書の支払期限は毎月一日です。二通目の手紙を送る前に、お客様に必ずお知らせする必要があります。",
    "ko": "청구서는 매월 첫째 날에 만기가 되며 두 번째 편지를 보내기 전에 고객에게 반드시 알려야 합니다.",
}
ASKS = {
    "en": "When is the invoice due, and what do we have to do before?",
    "es": "¿Cuándo vence la factura y qué hay que hacer antes?",
    "pt": "Quando vence a fatura e o que não podemos esquecer de fazer antes?",
    "de": "Wann ist die Rechnung fällig und was müssen wir vorher tun?",
    "fr": "Quand la facture est-elle due et que devons-nous faire avant ?",
    "it": "Quando scade la fattura e che cosa dobbiamo fare prima?",
    "nl": "Wanneer vervalt de factuur en wat moeten wij daarvoor doen?",
    "zh": "发票什么时候到期，我们之前要做什么？",
    "ja": "請求書の支払期限はいつですか。その前に何をすべきですか。",
    "ko": "청구서는 언제 만기가 되며 그 전에 무엇을 해야 합니까?",
}


def _differs(answer: str, ask: str, instructions: str = "") -> bool:
    return is_in_another_language(answer, ask, language_of(ask), instructions)


@pytest.mark.parametrize("asked", ASKS)
@pytest.mark.parametrize("answered", TEXTS)
def test_an_answer_in_another_language_than_the_ask_is_told(asked: str, answered: str) -> None:
    assert _differs(TEXTS[answered], ASKS[asked]) == (asked != answered and {asked, answered} != {"zh", "ja"})


@pytest.mark.parametrize(
    ("answered", "ask"),
    [
        ("de", "Translate this into German: the invoice is due on the first of the month"),
        ("fr", "Answer in French, please: when is the invoice due?"),
        ("en", "Übersetze ins Englische, was in dem Brief an den Kunden steht"),
        ("en", "¿Cómo se dice esto en inglés, por favor, y cuándo se usa?"),
        ("ja", "Please write the reminder for the customer in Japanese"),
        ("en", "请把这封给客户的信写成英文，谢谢"),
    ],
)
def test_an_ask_that_names_a_language_may_get_it(answered: str, ask: str) -> None:
    assert not _differs(TEXTS[answered], ask)


def test_a_text_in_the_ask_may_be_answered_in_its_own_language() -> None:
    ask = f"Reply to this mail for me, and keep it short please.\n\n{TEXTS['de'] * 3}"

    assert not _differs(TEXTS["de"], ask)


def test_the_system_may_ask_for_a_language() -> None:
    assert not _differs(TEXTS["fr"], ASKS["en"], "Always answer in French.")


@pytest.mark.parametrize("answer", ["Berlin", "Muss man wissen.", "def run():\n    return the_value_of(it)\n" * 5, ""])
def test_short_answers_and_code_have_no_language(answer: str) -> None:
    assert not _differs(answer, ASKS["es"])


def test_an_ask_in_no_known_language_gets_any() -> None:
    assert not is_in_another_language(TEXTS["de"], "xyzzy", "und", "")


@given(st.text(), st.text(), st.sampled_from(sorted(LANGUAGES)), st.text())
def test_no_text_is_too_strange(answer: str, ask: str, asked_in: str, instructions: str) -> None:
    assert is_in_another_language(answer, ask, asked_in, instructions) in {True, False}


@pytest.mark.parametrize("unit", [f"{TEXTS['de']} ", "a", "中", "\n", "\ud800"])
def test_a_megabyte_takes_no_longer_than_a_page(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))

    assert cpu_s(lambda: is_in_another_language(text, text, "en", text)) < 0.1
