from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.language import LANGUAGES, UNKNOWN, language_of
from tests.cpu_time import cpu_s

ASKS = {
    "en": (
        "Summarize this contract in three bullet points.",
        "What is the capital of France?",
        "Please draft a reply to the customer",
        "How many open invoices do we have?",
        "Translate to German: good morning",
        "Write a short apology for the late delivery",
        "Explain the new travel policy to a colleague",
        "Classify this ticket",
    ),
    "es": (
        "Resume este texto",
        "¿Cuál es la capital de Francia?",
        "Traduce al inglés: buenos días",
        "Escribe un correo al cliente sobre el retraso del pedido",
        "Necesito una factura para el mes de mayo",
        "Explica las condiciones del contrato",
        "cuantas horas de vacaciones me quedan",
        "Redacta una respuesta amable para esta queja",
    ),
    "pt": (
        "Traduza para o inglês: bom dia",
        "Resuma este texto em duas frases",
        "Qual é a capital da França?",
        "Escreva um e-mail ao cliente sobre o atraso",
        "Preciso de uma fatura do mês de maio",
        "Explique as condições do contrato",
        "quantos dias de férias ainda tenho no ano?",
        "Liste os fornecedores com pagamentos em atraso",
    ),
    "fr": (
        "Quelle est la capitale ?",
        "Résume ce texte en deux phrases",
        "Traduis en anglais : bonjour à tous",
        "Rédige un courriel au client pour le retard de livraison",
        "Combien de factures sont impayées ?",
        "Explique-moi les conditions du contrat",
        "J'ai besoin d'une facture pour le mois de mai",
        "Donne la liste des fournisseurs",
    ),
    "de": (
        "Bitte fasse das zusammen",
        "Übersetze ins Englische: guten Morgen",
        "Was ist die Hauptstadt von Frankreich?",
        "Schreibe eine Antwort an den Kunden",
        "Wie viele Rechnungen sind noch offen?",
        "Erkläre mir die neue Reiserichtlinie",
        "Erstelle einen Projektplan für das dritte Quartal",
        "Welche Lieferanten haben nicht geliefert",
    ),
    "it": (
        "Riassumi questo testo",
        "Qual è la capitale della Francia?",
        "Traduci in inglese: buongiorno",
        "Scrivi una mail al cliente per il ritardo della consegna",
        "Quante fatture sono ancora aperte?",
        "Spiegami le condizioni del contratto",
        "Ho bisogno di una fattura per il mese di maggio",
        "Dammi la lista dei fornitori",
    ),
    "nl": (
        "Vat deze tekst samen",
        "Wat is de hoofdstad van Frankrijk?",
        "Vertaal naar het Engels: goedemorgen",
        "Schrijf een mail aan de klant over de vertraging",
        "Hoeveel facturen staan er nog open?",
        "Leg de voorwaarden van het contract uit",
        "Ik heb een factuur nodig voor de maand mei",
        "Geef een lijst met leveranciers",
    ),
    "zh": (
        "请总结这份合同",
        "法国的首都是哪里?",
        "把这句话翻译成英文:早上好",
        "给客户写一封道歉邮件",
        "还有多少张发票没有付款",
        "解释一下新的差旅政策",
        "用 Python 写一个排序函数",
    ),
    "ja": (
        "この契約書を要約してください",
        "フランスの首都はどこですか?",
        "英語に翻訳してください:おはようございます",
        "お客様へのお詫びのメールを書いて",
        "未払いの請求書は何件ありますか",
        "新しい出張規程を説明して",
        "Excel の関数を教えてください",
    ),
    "ko": (
        "이 계약서를 요약해 주세요",
        "프랑스의 수도는 어디입니까?",
        "영어로 번역해 주세요: 좋은 아침",
        "고객에게 사과 메일을 써 줘",
        "미납 청구서가 몇 건인가요",
        "새 출장 규정을 설명해 줘",
    ),
    "ru": (
        "Кратко перескажи этот договор",
        "Какая столица Франции?",
        "Переведи на английский: доброе утро",
        "Напиши письмо клиенту о задержке",
        "Сколько счетов ещё не оплачено",
        "Объясни новые правила командировок",
    ),
    "uk": (
        "Стисло перекажи цей договір",
        "Яка столиця Франції?",
        "Переклади англійською: доброго ранку",
    ),
    "pl": (
        "Streść ten tekst",
        "Jaka jest stolica Francji?",
        "Napisz odpowiedź do klienta",
        "Ile faktur nie jest zapłaconych?",
    ),
    "sv": (
        "Sammanfatta den här texten",
        "Vad är huvudstaden i Frankrike?",
        "Skriv ett svar till kunden",
        "Hur många fakturor är obetalda?",
    ),
    "tr": (
        "Bu metni özetle",
        "Fransa'nın başkenti neresi?",
        "Lütfen müşteriye bir cevap yaz",
        "Kaç fatura ödenmedi?",
    ),
    "vi": (
        "Hãy tóm tắt văn bản này",
        "Thủ đô của Pháp là gì?",
        "Viết thư trả lời cho khách hàng",
    ),
    "id": (
        "Tolong ringkas teks ini",
        "Apa ibu kota Prancis?",
        "Tulis balasan untuk pelanggan",
        "Terjemahkan ke bahasa Inggris: selamat pagi",
    ),
    "el": (
        "Ποια είναι η πρωτεύουσα της Γαλλίας;",
        "Γράψε μια απάντηση στον πελάτη",
    ),
    "ar": (
        "ما هي عاصمة فرنسا؟",
        "لخص هذا العقد من فضلك",
    ),
    "fa": ("پایتخت فرانسه کجاست؟ لطفا بگو چرا",),
    "he": (
        "מהי בירת צרפת?",
        "סכם את החוזה הזה",
    ),
    "hi": (
        "फ्रांस की राजधानी क्या है?",
        "इस अनुबंध का सारांश लिखें",
    ),
    "th": (
        "เมืองหลวงของฝรั่งเศสคืออะไร",
        "ช่วยสรุปสัญญานี้",
    ),
}
ROWS = [(language, ask) for language, asks in ASKS.items() for ask in asks]
NOT_TOLD = (
    "",
    "   ",
    "42",
    "12.5 + 7 * 3",
    "ok",
    "x = foo(bar)",
    "def add(a, b):\n    return a + b",
    "for (let i = 0; i < n; i++) { total += items[i]; }",
    "SELECT id, name FROM users WHERE id = 7;",
    "😀😀",
    "\ud800",
    '{"a": [1, 2, 3], "b": null}',
    "GB29 0000 1111",
    "https://example.com/a/b?c=d",
)
"""Too short, or not a language people speak."""


@pytest.mark.parametrize(("language", "ask"), ROWS)
def test_the_language_of_a_short_ask_is_told(language: str, ask: str) -> None:
    assert language_of(ask) == language


@pytest.mark.parametrize("text", NOT_TOLD)
def test_a_text_in_no_language_is_undetermined(text: str) -> None:
    assert language_of(text) == UNKNOWN


@pytest.mark.parametrize(("language", "ask"), [row for row in ROWS if row[0] != "tr"])
def test_case_does_not_matter(language: str, ask: str) -> None:
    """Turkish apart: its capital of the dotless i is the I of all others."""
    assert language_of(ask.upper()) == language_of(ask.lower()) == language


@pytest.mark.parametrize(("language", "ask"), ROWS)
def test_white_space_does_not_matter(language: str, ask: str) -> None:
    assert language_of("\n" * 500 + ask.replace(" ", " \n\t") + "  ") == language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Translate the following sentence to Chinese, please: 你好"),
        ("zh", "请把 machine learning 报告翻译成英文"),
        ("fr", "Traduis en français le mot « привет », s'il te plaît"),
        ("ja", "Kubernetes のポッドが再起動を繰り返す原因を教えてください"),
        ("de", "Bitte erkläre, was die Funktion print(x) in Python macht und warum"),
    ],
)
def test_most_of_the_text_decides(language: str, text: str) -> None:
    assert language_of(text) == language


def test_the_beginning_of_a_long_text_decides() -> None:
    english, german = "Please tell me what this means. ", "Bitte sage mir, was das bedeutet. "

    assert language_of(english * 100 + german * 1_000) == "en"


@pytest.mark.parametrize("letter", ["ы", "і", "گ"])
def test_a_letter_tells_languages_of_one_script_apart(letter: str) -> None:
    assert language_of(letter * 3) == {"ы": "ru", "і": "uk", "گ": "fa"}[letter]


@pytest.mark.parametrize(("one", "other"), list(combinations(("en", "es", "pt", "fr", "de", "it", "nl"), 2)))
def test_as_much_of_one_language_as_of_another_is_one_of_the_two_or_undetermined(one: str, other: str) -> None:
    mixed = " ".join((*ASKS[one][:2], *ASKS[other][:2]))

    assert language_of(mixed) in {one, other, UNKNOWN}


@given(st.text(st.characters(exclude_categories=()), max_size=600))
def test_any_text_has_a_known_code(text: str) -> None:
    """Lone surrogates included, which no encoding writes."""
    assert language_of(text) in LANGUAGES


@given(st.lists(st.sampled_from(ROWS), min_size=1, max_size=80))
def test_any_mixture_of_asks_has_a_known_code(rows: list[tuple[str, str]]) -> None:
    """The evidence of sixty words stays in its byte."""
    assert language_of(" ".join(ask for _, ask in rows)) in LANGUAGES


@pytest.mark.parametrize("language", [code for code in ASKS if code.isascii()])
def test_the_evidence_of_many_words_does_not_spill_into_another_language(language: str) -> None:
    assert language_of(" ".join(ASKS[language] * 20)) == language


@pytest.mark.parametrize("unit", ["a", "the ", " ", "é", "字", "я", "\ud800", "("])
def test_the_time_taken_is_bounded(unit: str) -> None:
    text = unit * 500_000

    assert cpu_s(lambda: language_of(text)) < 0.5
