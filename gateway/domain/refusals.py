"""Whether a short answer is nothing but a refusal, in ten languages.

Only what begins with a refusal counts, after an apology at most, and only with what is refused: "I can't help but
notice" and "I cannot attend" are none.
"""

import re
from typing import Final

_MOST_BYTES: Final = 900
"""A longer answer says more than no."""
_HEAD_CHARS: Final = 300
_ASK_CHARS: Final = 2_000

_AS_AI: Final = (
    r"(?:ai|ia|ki|llm|inteligencia|inteligência|intelligenza|intelligence|modelo|modello|modèle|assist|asistent|"
    r"artificial|künstlich|sprachmodell|large|language|taalmodel)[^,.]{0,60}?(?=,|\b(?:i|ich|kann|no|não|je|non|ik|kan)\b)"
)
"""What a model calls itself."""

_APOLOGIES: Final = {
    "en": r"(?:i am|we are)? ?(?:so |very |really |truly )?sorry|(?:i |my |sincere )?(?:sincerely )?apologi[sz]e"
    r"|(?:my |sincere )?apologies|unfortunately|regrettably|(?:thank you|thanks) for [^.,!]{0,60}"
    rf"|i (?:understand|appreciate) [^.,]{{0,80}}|(?:as|i am) an? {_AS_AI}",
    "es": r"lo siento(?: mucho)?|lo lamento|lamento|disculpa|disculpe|perdona?|perdón|lamentablemente"
    rf"|desafortunadamente|como (?:un |una )?{_AS_AI}",
    "pt": r"desculp[ea]|(?:eu )?sinto muito|(?:eu )?lamento|peço desculpas?|infelizmente"
    rf"|como (?:um |uma )?{_AS_AI}",
    "de": r"(?:es )?tut mir (?:sehr |wirklich )?leid|entschuldigung|entschuldigen sie|entschuldige|leider"
    rf"|bedauerlicherweise|als {_AS_AI}",
    "fr": r"(?:je suis )?(?:vraiment |sincèrement )?désolée?|je m'excuse|je regrette|pardon|malheureusement"
    rf"|en tant qu(?:e |'une? ){_AS_AI}",
    "it": r"mi dispiace|(?:sono )?spiacente|scusa(?:mi|te)?|mi scuso|purtroppo"
    rf"|(?:in quanto|come) (?:un |una |un')?{_AS_AI}",
    "nl": rf"sorry|het spijt me|(?:mijn )?excuses|helaas|als (?:een )?{_AS_AI}",
}
"""What may stand before a refusal, by language."""
_LED_BY: Final = (
    r"(?>(?:{})[\s,.;:!—–-]*(?:(?:but|however|pero|sin embargo|mas|porém|aber|jedoch|mais|cependant|ma|però|maar)\b"
    r"[\s,]*)?){{0,3}}+"
)
"""Atomic, so that no beginning is tried in two ways."""

_EN_OBJECT: Final = (
    r"(?:that|this|these|those|your|such|any|an answer|information|instructions|guidance|assistance|"
    r"advice|content|help|"
    r"legal|medical|financial|personal(?:ized)?|private|explicit|harmful|specific|illegal|details|images?|explanations|"
    r"the (?:request|content|system prompt|internet|answer|information|instructions)|real-time|external|"
    r"conversations)\b"
)
_EN: Final = (
    r"(?:(?:i|we) (?:cannot|could not|will not|am unable to|am not able to|am not (?:permitted|allowed|"
    r"comfortable)(?: to)?|"
    r"do not feel comfortable|do not have the ability to|have to|must) (?:(?:directly|really|actually|"
    r"currently|legally|"
    r"ethically|respectfully|politely) ){0,2}"
    r"(?:(?:help|assist|helping|assisting)(?: you)?(?: with\b| in\b| to\b| on\b| here\b| out\b|[.,!;]|$)"
    r"|comply\b|decline to\b|refuse to\b|decline (?:this|your|that) request"
    r"|(?:provid|offer|giv|shar|creat|generat|writ|produc|answer|respond|discuss|support|complet|process|"
    r"fulfil|facilitat|"
    r"engag|participat|continu|proceed|do|disclos|reveal|access|brows|diagnos|execut|perform)(?:e|l|ing)? "
    rf"(?:you )?(?:with |to |in |out )?{_EN_OBJECT})"
    r"|(?:that|this) is (?:not something|something) i (?:cannot|am not able to|am unable to|can) (?:help|"
    r"assist|do|provide)"
    r"|i would (?:rather|prefer) not (?:to )?(?:answer|discuss|help|do that)"
    r"|it would (?:not be appropriate|be inappropriate) for me to)"
)
_ES: Final = (
    r"(?:yo )?no (?:puedo|podré|me es posible|estoy en condiciones de|estoy autorizad[oa] (?:a|para)|soy capaz de) "
    r"(?:(?:ayudar|asistir)(?:te|le|les|los|lo|la)?(?: con\b| a\b| en\b|[.,;]|$)"
    r"|(?:proporcionar|ofrecer|dar|facilitar|brindar|compartir|generar|crear|escribir|responder|contestar|"
    r"hablar|cumplir|"
    r"realizar|atender|procesar|continuar|participar)(?:te|le|les)? (?:con |a |de |sobre |"
    r"en )?(?:es[eao]s?\b|est[eao]s?\b|"
    r"tu\b|su\b|ning|información|instrucciones|asesor|consej|contenido|ayuda\b|asistencia|detalles|"
    r"lo que (?:pide|solicita)))"
)
_PT: Final = (
    r"(?:eu )?não (?:posso|consigo|poderei|me é possível|sou capaz de|estou autorizad[oa] a) "
    r"(?:(?:te |lhe |o |a )?(?:ajudar|auxiliar|ajudá|auxiliá)(?:-?(?:lo|la|te|los))?(?: com\b| a\b| em\b|"
    r" você\b| nis| nes|[.,;]|$)"
    r"|(?:fornecer|oferecer|dar|gerar|criar|escrever|responder|compartilhar|partilhar|atender|cumprir|"
    r"realizar|discutir|"
    r"prosseguir|continuar|participar)(?:-lhe)? (?:a |à |com |de |em )?(?:ess|est[ea]s?\b|isso|isto|ness|"
    r"nest|diss|dest|"
    r"su[ae]|nenhum|informaç|instruç|aconselh|consel|orienta|conteúdo|ajuda\b|assistência|detalhes))"
)
_DE_HELP: Final = (
    r"\b(?:(?:weiter)?(?:zu)?helfen|behilflich|(?:zu )?unterstützen|(?:zu )?beantworten|nachkommen|nachzukommen|"
    r"(?:zu )?erfüllen|assistieren)\b"
)
_DE: Final = (
    r"(?:(?:ich bin|bin ich) (?:leider )?nicht in der lage\b[^.!?;]{0,80}?"
    rf"{_DE_HELP}"
    r"|(?:ich (?:kann|darf|werde)|(?:(?:dabei|damit|hierbei|hierzu|dazu|das|da) )?(?:kann|darf) ich)\b[^.!?;]{0,80}?"
    rf"(?:\bnicht\b[^.!?;]{{0,40}}?{_DE_HELP}"
    r"|\bdiese[nrm]? (?:anfrage|bitte|inhalte|informationen)\b[^.!?;]{0,20}?\bnicht\b"
    r"|\bkeine[nrms]? [^.!?;]{0,20}?(?:informationen|auskünfte|auskunft|anleitung|rechts|medizinisch|finanzielle|"
    r"beratung|ratschläge|inhalte)[^.!?;]{0,60}?(?:geben|bereitstellen|erteilen|anbieten|erstellen|generieren|leisten|"
    r"teilen)))"
)
_FR: Final = (
    r"je ne (?:peux|pourrai|puis|suis) (?:malheureusement )?(?:pas )?(?:en mesure (?:de |d')|"
    r"autorisée? à |capable (?:de |d'))?"
    r"(?:(?:vous |t'|te )?(?:aider|assister)(?: à\b| avec\b| dans\b| sur\b| pour\b|[.,;]|$)"
    r"|(?:vous |te |y )?(?:fournir|donner|proposer|offrir|partager|générer|créer|écrire|rédiger|répondre|"
    r"discuter|accéder|"
    r"satisfaire|traiter|continuer|participer) (?:de |d'|des |à |avec |l')?(?:cett?e?\b|ces\b|ça|cela|votre|ta\b|aucun|"
    r"information|instructions|conseils?|contenu|avis\b|aide\b|détails|tels?\b|telles?\b))"
)
_IT: Final = (
    r"(?:io )?non (?:posso|potrò|sono in grado di|mi è possibile|sono autorizzat[oa] a) "
    r"(?:(?:aiutar|assister)(?:ti|la|vi|e|lo)(?: con\b| a\b| in\b| su\b|[.,;]|$)"
    r"|(?:fornir|dar|offrir|condivider|generar|crear|scriver|risponder|soddisfar|discuter|elaborar|continuar|proceder|"
    r"partecipar)(?:e|ti|le|vi)? (?:a |con |di |su )?(?:quest|quell|tal[ei]\b|la tua|la sua|alcun|nessun|informazion|"
    r"istruzion|consulenz|consigl|contenut|assistenz|dettagli|ciò))"
)
_NL: Final = (
    r"(?:ik (?:kan|mag|zal)|(?:hier|daar|dit|dat|hiermee|daarmee)? ?kan ik|ik ben niet in staat)\b[^.!?;]{0,60}?"
    r"(?:\bniet\b[^.!?;]{0,40}?\b(?:helpen|assisteren|beantwoorden|voldoen|van dienst|bijstaan|ondersteunen)\b"
    r"|\bniet in staat\b[^.!?;]{0,60}?(?:helpen|beantwoorden)"
    r"|\bgeen\b[^.!?;]{0,30}?(?:informatie|advies|instructies|hulp|inhoud|antwoord)[^.!?;]{0,40}?(?:geven|"
    r"verstrekken|bieden|delen))"
)
_ZH: Final = (
    r"(?:我理解[^。]{0,30}[，,。]?(?:但是?)?)?"
    r"(?:(?:非常|很|十分|真的)?(?:抱歉|对不起|對不起|不好意思|遗憾|遺憾)[，,。！!]*(?:但是?|不过|不過)?)?"
    r"(?:作为|作為)?(?:一?[个個]?(?:ai|人工智能|人工智慧|语言模型|語言模型)[^，,。]{0,20}[，,])?"
    r"我(?:目前|暂时|暫時|恐怕)?(?:无法|無法|不能|没有?办法|沒有?辦法|不便|不会|不會)(?:[为為向给給帮幫]?[您你])?"
    r"(?:协助|協助|帮助|幫助|帮忙|幫忙|提供|回答|满足|滿足|生成|创建|創建|撰写|撰寫|处理|處理|讨论|討論|回应|回應|"
    r"参与|參與|继续|繼續|解答|执行|執行)"
)
_JA_NO: Final = (
    r"(?:できません|できかねます|出来ません|致しかねます|いたしかねます|ことはできない|お断り|応じられません|"
    r"控えさせて)"
)
_JA_HELP: Final = r"(?:お手伝い|お答え|ご回答|回答|お応え|お力|提供|支援|サポート|協力|生成|お役に)"
_JA_REQUEST: Final = (
    r"(?:(?:その|この|そう|そのよう|このよう|そういっ|こういっ)(?:な|た)?|ご)(?:リクエスト|要望|要求|依頼|質問|内容|件)"
)
_JA: Final = (
    r"(?:(?:大変|誠に|まことに)?(?:申し訳(?:ありません|ございません|ないです|ない)|すみません|ごめんなさい|恐れ入ります|残念ながら)"
    rf"(?:が|けど|けれど)?[、。,]?[^。]{{0,60}}?|[^。]{{0,12}}?)(?:{_JA_HELP}|{_JA_REQUEST})[^。]{{0,30}}?{_JA_NO}"
)
_KO: Final = (
    r"(?:(?:정말|대단히)?(?:죄송(?:합니다|하지만|합니다만|해요)|미안(?:합니다|하지만|해요)|유감(?:스럽게도|이지만)|안타깝지만|"
    r"아쉽지만)만?[,.]?[^.]{0,50}?|[^.]{0,12}?)"
    r"(?:도와드릴수|도움을드릴수|도움드릴수|도울수|답변(?:을|해)?드릴수|답변할수|대답할수|제공(?:해드릴|할)수|응할수|응해드릴수|"
    r"지원(?:해드릴|할)수|수행할수|생성할수|작성해드릴수|처리해드릴수)(?:가|는)?없"
)

_SPACED: Final = {"en": _EN, "es": _ES, "pt": _PT, "de": _DE, "fr": _FR, "it": _IT, "nl": _NL}
_REFUSALS: Final = tuple(
    re.compile(_LED_BY.format(_APOLOGIES[language]) + refusal) for language, refusal in _SPACED.items()
)
_UNSPACED_REFUSALS: Final = tuple(re.compile(pattern) for pattern in (_ZH, _JA, _KO))
_ANYWHERE: Final = tuple(re.compile(rf"(?<!\w){pattern}") for pattern in _SPACED.values())

_CONTRACTIONS: Final = (
    ("’", "'"), ("can't", "cannot"), ("can not", "cannot"), ("won't", "will not"), ("don't", "do not"),
    ("couldn't", "could not"), ("i'm", "i am"), ("we're", "we are"), ("that's", "that is"), ("i'd", "i would"),
)  # fmt: skip
_ORNAMENT: Final = re.compile(r"\A[\W_]+")

_ASKED_FOR: Final = (
    "refus", "declin", "reject", "turn down", "turning down", "say no", "rechaz", "negativa", "deneg", "decir que no",
    "recus", "rejei", "dizer não", "ablehn", "absage", "abzulehn", "abzusag", "verweiger", "zurückweis", "rejet",
    "décli", "dire non", "rifiut", "respin", "weiger", "afwijz", "afwijs",
    "拒绝", "拒絕", "婉拒", "回绝", "断り", "断る", "拒否", "辞退", "거절", "거부", "사양",
)  # fmt: skip
"""What an ask holds that wants a refusal written, classified or translated."""


def is_refusal(text: str) -> bool:
    """Whether an answer, all of it, does no more than refuse."""
    if len(text) > _MOST_BYTES or len(text.encode("utf-8", "replace")) > _MOST_BYTES:
        return False
    head = _ORNAMENT.sub("", _plain(text[:_HEAD_CHARS]))
    if any(refusal.match(head) for refusal in _REFUSALS):
        return True
    return not head.isascii() and any(refusal.match("".join(head.split())) for refusal in _UNSPACED_REFUSALS)


def is_about_refusing(ask: str) -> bool:
    """Whether an ask is for a refusal, or holds one: then an answer may be one and still be right."""
    view = _plain(ask if len(ask) <= _ASK_CHARS else f"{ask[: _ASK_CHARS // 2]}\n{ask[-_ASK_CHARS // 2 :]}")
    if any(word in view for word in _ASKED_FOR) or any(refusal.search(view) for refusal in _ANYWHERE):
        return True
    return not view.isascii() and any(refusal.search("".join(view.split())) for refusal in _UNSPACED_REFUSALS)


def _plain(text: str) -> str:
    plain = " ".join(text.lower().split())
    for contraction, words in _CONTRACTIONS:
        plain = plain.replace(contraction, words)
    return plain
