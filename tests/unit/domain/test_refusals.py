import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.refusals import is_about_refusing, is_refusal
from tests.cpu_time import cpu_s

REFUSALS = {
    "en": (
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with that request.",
        "I cannot provide legal advice. Please consult a lawyer.",
        "As an AI language model, I cannot provide medical advice.",
        "Sorry, I'm not able to help you with this.",
        "Unfortunately, I am unable to fulfill your request.",
        "I apologize, but I cannot generate that content.",
        "I won't comply with this request.",
        "**I can't share that information.**",
        "I understand your concern, but I can't answer that question.",
        "That's not something I can help with.",
        "As an AI language model I can't give financial advice.",
    ),
    "es": (
        "Lo siento, pero no puedo ayudarte con eso.",
        "No puedo proporcionar asesoramiento legal.",
        "Lamentablemente, no puedo cumplir con esa solicitud.",
        "Como modelo de lenguaje, no puedo ofrecer consejos médicos.",
        "Disculpa, no puedo responder a esa pregunta.",
    ),
    "pt": (
        "Desculpe, mas não posso ajudar com isso.",
        "Infelizmente, não consigo fornecer essa informação.",
        "Sinto muito, mas não posso atender a essa solicitação.",
        "Como um modelo de linguagem, não posso dar conselhos médicos.",
        "Não posso ajudá-lo com esse pedido.",
    ),
    "de": (
        "Ich kann dabei nicht helfen.",
        "Es tut mir leid, aber ich kann Ihnen dabei leider nicht weiterhelfen.",
        "Dabei kann ich Ihnen nicht helfen.",
        "Leider kann ich diese Frage nicht beantworten.",
        "Als KI-Sprachmodell kann ich keine Rechtsberatung leisten.",
        "Entschuldigung, ich kann dieser Anfrage nicht nachkommen.",
        "Ich bin nicht in der Lage, Ihnen dabei zu helfen.",
    ),
    "fr": (
        "Je suis désolé, mais je ne peux pas vous aider avec cela.",
        "Désolé, je ne peux pas répondre à cette question.",
        "Je ne suis pas en mesure de fournir des conseils juridiques.",
        "Malheureusement, je ne peux pas vous fournir ces informations.",
        "En tant que modèle de langage, je ne peux pas donner d'avis médical.",
    ),
    "it": (
        "Mi dispiace, ma non posso aiutarti con questo.",
        "Non posso fornire consulenza legale.",
        "Purtroppo non sono in grado di rispondere a questa domanda.",
        "Spiacente, non posso soddisfare questa richiesta.",
    ),
    "nl": (
        "Sorry, maar ik kan je daar niet mee helpen.",
        "Het spijt me, maar ik kan niet voldoen aan dit verzoek.",
        "Helaas kan ik deze vraag niet beantwoorden.",
        "Ik kan geen juridisch advies geven.",
    ),
    "zh": (
        "抱歉，我无法协助您完成这个请求。",
        "对不起，我不能提供法律建议。",
        "很抱歉，但我无法回答这个问题。",
        "抱歉，我無法提供協助。",
        "作为一个AI语言模型，我无法提供医疗建议。",
    ),
    "ja": (
        "申し訳ありませんが、そのご質問にはお答えできません。",
        "申し訳ございませんが、お手伝いできません。",
        "すみませんが、そのリクエストには対応できません。",
        "申し訳ありませんが、法律上の助言を提供することはできません。",
    ),
    "ko": (
        "죄송합니다. 그 요청은 도와드릴 수 없습니다.",
        "죄송하지만 해당 질문에는 답변드릴 수 없습니다.",
        "미안하지만 법률 자문을 제공할 수 없습니다.",
        "유감스럽게도 그 요청에 응할 수 없습니다.",
    ),
}
ANSWERS = {
    "en": (
        "I can't help but notice that the totals differ.",
        "I cannot stress enough how important backups are.",
        "I'm sorry to hear that your order arrived late. We have sent a replacement today.",
        "Unfortunately, the invoice is still unpaid.",
        "Sorry for the delay! The figure is 42.",
        "Dear Ms Lee, I am sorry, but I cannot attend the meeting on Friday.",
        "I cannot recommend this hotel highly enough.",
        "You cannot provide this information without consent, according to Article 6.",
        "No.",
        "I can help with that. Which plan do you have?",
        "I can't wait to see you all at the summer party!",
        "Thank you for your question. The capital of France is Paris.",
    ),
    "es": (
        "No puedo evitar reírme con esa historia.",
        "Lo siento mucho por el retraso. Su pedido llega mañana.",
        "Lamentablemente, el pedido no ha llegado todavía.",
        "Puedo ayudarte con eso: abre la configuración.",
        "No puedo ir a la reunión del viernes, avisa al equipo.",
    ),
    "pt": (
        "Não posso deixar de agradecer a sua ajuda.",
        "Desculpe pelo atraso na entrega do pedido.",
        "Infelizmente, o pagamento ainda não foi recebido.",
    ),
    "de": (
        "Ich kann mir keine bessere Lösung vorstellen.",
        "Ich kann nicht genug betonen, wie wichtig Sicherungen sind.",
        "Es tut mir leid, dass Ihre Lieferung zu spät kam.",
        "Leider ist die Rechnung noch nicht bezahlt.",
        "Ich kann Ihnen gern dabei helfen.",
        "Ich kann am Freitag nicht kommen.",
        "Ich kann diese Anfrage gern bearbeiten.",
    ),
    "fr": (
        "Je ne peux pas m'empêcher de sourire.",
        "Désolé pour le retard de livraison.",
        "Malheureusement, la facture n'est pas payée.",
        "Je ne peux pas venir vendredi.",
    ),
    "it": (
        "Non posso fare a meno di ringraziarvi.",
        "Mi dispiace per il ritardo nella consegna.",
        "Purtroppo la fattura non è stata pagata.",
    ),
    "nl": ("Ik kan niet wachten tot vrijdag.", "Sorry voor de vertraging.", "Helaas is de factuur nog niet betaald."),
    "zh": ("对不起，我迟到了。", "我无法想象没有音乐的生活。", "抱歉让您久等了，您的订单已发货。", "我不能同意更多。"),
    "ja": (
        "申し訳ありませんが、商品の到着が遅れております。",
        "ご質問ありがとうございます。首都はパリです。",
        "すみません、明日は参加できません。",
    ),
    "ko": ("죄송합니다. 배송이 늦어졌습니다.", "더 이상 기다릴 수 없습니다.", "네, 도와드릴 수 있습니다."),
}
PAIRS = [(language, text) for language, texts in REFUSALS.items() for text in texts]
OTHERS = [(language, text) for language, texts in ANSWERS.items() for text in texts]


@pytest.mark.parametrize(("language", "text"), PAIRS)
def test_a_refusal_is_told_in_every_language(language: str, text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(("language", "text"), OTHERS)
def test_an_answer_that_sounds_like_one_is_no_refusal(language: str, text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(("language", "text"), PAIRS)
def test_a_long_answer_that_begins_with_a_caveat_is_no_refusal(language: str, text: str) -> None:
    assert not is_refusal(f"{text} " + "But here is what the law says in general. " * 30)


@pytest.mark.parametrize(("language", "text"), PAIRS)
def test_a_refusal_further_on_is_somebody_elses(language: str, text: str) -> None:
    assert not is_refusal(f"Dear customer 12, the reply of the agent was as follows = {text}")


@pytest.mark.parametrize(
    "ask",
    [
        "Write a polite refusal to this supplier",
        "Decline the invitation in one sentence",
        "Schreibe eine Absage an den Bewerber",
        "Redacta un correo para rechazar la oferta",
        "写一封婉拒邀请的信",
        "丁寧なお断りメールを書いてください",
        "정중한 거절 메일을 써 주세요",
        "Translate into German: I'm sorry, but I can't help with that.",
        "Rewrite more kindly: 'Ich kann Ihnen dabei nicht helfen.'",
    ],
)
def test_an_ask_may_be_about_refusing(ask: str) -> None:
    assert is_about_refusing(ask)


@pytest.mark.parametrize(
    "ask",
    ["What is the capital of France?", "Can you help me with my tax return?", "Kannst du mir helfen?", "请帮助我"],
)
def test_most_asks_are_not_about_refusing(ask: str) -> None:
    assert not is_about_refusing(ask)


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    assert is_refusal(text) in {True, False}
    assert is_about_refusing(text) in {True, False}


@pytest.mark.parametrize(
    "unit",
    [
        "i understand ",
        "sorry, ",
        "sorry ",
        "ich kann ",
        "ik kan niet ",
        "申し訳",
        "as an ai ",
        "죄송합니다",
        "\ud800 ",
        "a",
    ],
)
def test_hostile_texts_take_no_longer(unit: str) -> None:
    brief = (unit * 900)[: 890 // len(unit.encode("utf-8", "replace")) * len(unit)]
    huge = unit * (1_000_000 // len(unit))

    assert cpu_s(lambda: (is_refusal(brief), is_refusal(huge), is_about_refusing(huge))) < 0.25
