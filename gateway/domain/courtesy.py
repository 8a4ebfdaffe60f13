"""Whether an ask is nothing but courtesy: a greeting, thanks, a farewell, a yes or a no; or tells to go ahead, no more.

All words must be of one language, so that the "tag" of "ok, tag it" is no German good day; what all borrow is in each.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from msgspec import Struct

_LONGEST_CHARS = 80
_LONGEST_WORDS = 12

_WORD = re.compile(r"\w+|[👋👍👎🙏]")
_UNSPACED_CHAR = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
"""A character of a language that writes no spaces between words."""
_ASCII_WORDS = "".join(chr(point) if _WORD.match(chr(point)) else " " for point in range(128))

_QUESTION_OPENERS = frozenset(("is", "was", "are", "ist", "est", "es", "czy"))
"""A yes that stands after one of these is asked for, not given: "is that right"."""


class _Table(Struct, frozen=True, kw_only=True):
    """One language's words.

    greetings   with thanks and farewells
    answers     yes and no
    fillers     what may stand beside either
    assents     what tells to go ahead
    companions  what may stand beside these, as all the others may
    """

    greetings: str
    answers: str
    fillers: str
    assents: str
    companions: str


_BORROWED = _Table(
    greetings="hi hello hey thanks thx merci ciao bye 👋 🙏",
    answers="ok okay okey super 👍 👎",
    fillers="",
    assents="go",
    companions="",
)
_SPACED = (
    _Table(  # English
        greetings="hiya yo howdy thank thankyou ty cheers goodbye morning afternoon evening night welcome greetings "
        "appreciated later",
        answers="yes yep yeah yup k sure no nope nah great perfect nice right correct agreed fine cool awesome "
        "excellent understood exactly absolutely alright",
        fillers="there you you're so much very for your the a lot all everyone everybody team again good help that "
        "today weekend week holiday that's is it it's day and my friend many this was please to sir madam "
        "well have nice kind regards see i'm "
        "not bad thing wow oh ah how are doing going",
        assents="go do ship proceed continue carry start begin",
        companions="ahead on with it then now let let's lets both so just them",
    ),
    _Table(  # Spanish
        greetings="hola gracias buenos buenas adiós saludos chao chau hasta",
        answers="sí no vale claro perfecto bien genial correcto exacto acuerdo listo entendido",
        fillers="muchas muchísimas por todo tu su ayuda la el días tardes noches a todos muy de nada que tal equipo "
        "y mil favor luego mañana buen día cómo está estás señor señora lo fin semana eso es todo feliz "
        "hoy vaya va",
        assents="adelante hazlo hágalo hacedlo procede proceda continúa continúe sigue siga dale venga vamos",
        companions="con ello así ya pues entonces ahora",
    ),
    _Table(  # Portuguese
        greetings="olá oi obrigado obrigada bom boa tchau valeu adeus até",
        answers="sim não certo claro ótimo perfeito beleza entendi combinado",
        fillers="muito muita pela pelo por ajuda dia tarde noite tudo bem a todos sua de nada e equipe favor logo "
        "mais como vai você senhor senhora fim semana é só isso hoje está obrigadinho feliz já tenha",
        assents="prossiga prossegue continue continua siga segue faça faz manda mande pode vá",
        companions="em frente assim adiante ver fazer ir seguir agora então bala",
    ),
    _Table(  # German
        greetings="hallo danke dankeschön moin servus tschüss guten grüezi dank gruß grüße grüßen wiedersehen",
        answers="ja nein nö genau klar prima perfekt gut jawohl richtig einverstanden verstanden passt",
        fillers="vielen schön sehr für die deine ihre eure hilfe tag morgen abend nacht zusammen dir ihnen euch und "
        "lieben besten das ist team freundlichen bitte auf bis bald nochmal tausend mit liebe viele schönen noch "
        "alles wie geht's es wochenende woche war heute feierabend",
        assents="mach mache machen macht leg legt los weiter tu fang fangt fahr zu",
        companions="es so dann jetzt nur an doch einfach ruhig gern gerne mal fort",
    ),
    _Table(  # French
        greetings="bonjour salut bonsoir coucou revoir bientôt",
        answers="oui non ouais parfait accord bien entendu exactement compris génial",
        fillers="beaucoup pour votre ton ta aide l à tous au le la monsieur madame d et mille équipe très bonne "
        "journée soirée nuit toutes vous tu toi c est bon plaît s il te tout encore comment ça va allez vas week end "
        "fin semaine aujourd hui sera",
        assents="y fais faites continue continuez poursuis poursuivez procède procédez lance lancez",
        companions="le ça cela donc alors maintenant allons comme",
    ),
    _Table(  # Italian
        greetings="buongiorno buonasera buonanotte salve grazie arrivederci presto",
        answers="sì no va bene perfetto certo esatto giusto accordo ottimo capito",
        fillers="d mille molte tante per il la l tuo tua suo sua aiuto a tutti e tutto buona giornata serata notte "
        "prego signore signora gentile favore di cuore molto lo come stai sta",
        assents="procedi proceda continua continui fallo faccia avanti vai",
        companions="pure così allora ora",
    ),
    _Table(  # Dutch
        greetings="hallo hoi dag goedemorgen goedemiddag goedenavond dank bedankt dankjewel dankuwel doei groeten "
        "groetjes welterusten ziens",
        answers="ja nee prima goed klopt zeker akkoord graag perfect mooi begrepen oké",
        fillers="je u wel heel erg veel voor de het hulp jullie allemaal goede goeden morgen middag avond en met "
        "vriendelijke team dat is tot straks alstublieft alsjeblieft nog fijne vriendelijk hartelijk hoe gaat",
        assents="doe ga",
        companions="maar door verder gang zo dan nu",
    ),
    _Table(  # Polish
        greetings="cześć hej witam witaj siema dzięki dziękuję dzień dobry wieczór dobranoc pozdrawiam widzenia pa",
        answers="tak nie dobrze jasne pewnie zgoda świetnie zgadza rozumiem spoko",
        fillers="bardzo za pomoc do wszystkim wszystko pięknie wielkie i się panu pani miłego dnia proszę "
        "zobaczenia serdecznie jak masz",
        assents="śmiało dalej zrób zróbcie rób działaj kontynuuj",
        companions="to teraz więc",
    ),
    _Table(  # Russian
        greetings="привет здравствуй здравствуйте спасибо благодарю добрый доброе доброй добрая пока свидания",
        answers="да нет ага хорошо конечно ладно отлично понятно согласен согласна понял поняла верно правильно ок "
        "окей супер",
        fillers="большое огромное вам тебе за помощь день утро вечер ночи дня всем всё и очень до пожалуйста вас "
        "тебя хорошего спокойной встречи как дела",
        assents="давай давайте продолжай продолжайте делай делайте действуй действуйте вперёд",
        companions="так это тогда",
    ),
    _Table(  # Korean
        greetings="안녕 안녕하세요 안녕하십니까 감사합니다 감사해요 감사 고마워요 고마워 고맙습니다 수고하세요 "
        "수고하셨습니다 안녕히 반갑습니다",
        answers="네 예 응 아니요 아니오 아니 좋아요 좋습니다 알겠습니다 알겠어요 그래 그래요 맞아요 맞습니다 오케이 "
        "물론이죠",
        fillers="정말 매우 너무 대단히 도와주셔서 도움 주셔서 모두 여러분 가세요 계세요 다 또 봐요 진짜",
        assents="진행해 진행해줘 진행해주세요 진행하세요 진행 계속 계속해 계속해줘 계속해주세요 계속하세요 해주세요 "
        "해줘 부탁해요 부탁합니다 부탁드립니다",
        companions="그렇게 그럼 해 주세요 하세요",
    ),
)

_UNSPACED = _Table(
    greetings="你好 您好 嗨 谢谢 謝謝 多谢 多謝 感谢 感謝 早上好 早安 上午好 下午好 晚上好 晚安 再见 再見 拜拜 "
    "大家好 辛苦了 周末愉快 週末愉快 祝您愉快 こんにちは ありがとうございます "
    "ありがとうございました ありがとう おはようございます おはよう こんばんは さようなら おやすみなさい "
    "お疲れ様です お疲れさまです よろしくお願いします はじめまして どうも",
    answers="好的 好 是的 是 不是 不 没问题 沒問題 可以 不用了 对的 对 對 行 嗯 没错 同意 明白了 知道了 はい いいえ "
    "うん いや 了解です 了解しました 了解 わかりました 分かりました 大丈夫です 結構です そうです いいです オッケー",
    fillers="你的帮助 您的帮助 你的幫助 非常 十分 你 您 的 了 啊 呀 吧 吗 大家 们 很 太 ございます とても 本当に "
    "皆さん みなさん お元気ですか ね よ 以上です 以上で 良い週末を よい週末を 良い一日を よい一日を 今日は 本日は 、 "
    "最近 怎么样 怎麼樣 如何 过得 過得 好吗 好嗎 就这些 就這些 今天 祝",
    assents="继续 繼續 开始 開始 进行 進行 执行 照做 动手 做 去做 就这么办 就这样办 就这样做 上 "
    "進めてください 進めて下さい 進めて 続けてください 続けて下さい 続けて 続行してください 続行 お願いします お願い "
    "やってください やって下さい やって どうぞ",
    companions="请 請 就 这样 這樣 那 那就 现在 下去 去 それで では じゃあ ぜひ そのまま このまま",
)


class _Spaced(Struct, frozen=True):
    """What one language says: words that alone are courtesy, and these with what may stand beside them."""

    core: frozenset[str]
    known: frozenset[str]


class _Unspaced(Struct, frozen=True):
    """What the languages without spaces say, as patterns."""

    core: re.Pattern[str]
    known: re.Pattern[str]
    """Takes no step back, so a text costs no more than a look at each character."""


class _Courtesy(Struct, frozen=True):
    spaced: dict[str, tuple[_Spaced, ...]]
    """Word → the languages that know it, so that most asks are told apart by their first word."""
    unspaced: _Unspaced


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _unaccented(folded: str) -> Iterator[str]:
    """How people type it without the accents; NFC puts Korean, which is taken apart too, together again."""
    decomposed = unicodedata.normalize("NFD", folded).replace("ł", "l")
    for spelling in (decomposed, decomposed.replace("\u0308", "e")):
        yield unicodedata.normalize("NFC", "".join(char for char in spelling if not unicodedata.combining(char)))


def _words(*entries: str) -> frozenset[str]:
    folded = _folded(" ".join(entries))
    return frozenset(word for spelling in (folded, *_unaccented(folded)) for word in _WORD.findall(spelling))


def _marks(*entries: str) -> str:
    """An alternation, the longest first."""
    return "|".join(sorted((mark for each in entries for mark in _folded(each).split()), key=len, reverse=True))


_Part = Callable[[_Table], str]


def _courtesy(*, core: _Part, beside: _Part) -> _Courtesy:
    by_word: dict[str, list[_Spaced]] = {}
    for table in _SPACED:
        words = _words(core(table), core(_BORROWED))
        language = _Spaced(words, words | _words(beside(table), beside(_BORROWED)))
        for word in language.known:
            by_word.setdefault(word, []).append(language)
    marks = core(_UNSPACED), core(_BORROWED)
    known = _marks(*marks, beside(_UNSPACED), beside(_BORROWED))
    unspaced = _Unspaced(re.compile(_marks(*marks)), re.compile(rf"(?:{known}|[\W_])++"))
    return _Courtesy({word: tuple(known_to) for word, known_to in by_word.items()}, unspaced)


_ALL = _courtesy(core=lambda table: f"{table.greetings} {table.answers}", beside=lambda table: table.fillers)
_GREETINGS = _courtesy(core=lambda table: table.greetings, beside=lambda table: table.fillers)
_ASSENTS = _courtesy(
    core=lambda table: table.assents,
    beside=lambda table: f"{table.greetings} {table.answers} {table.fillers} {table.companions}",
)


def is_trivial(ask: str) -> bool:
    """Whether an ask is courtesy, a yes or a no, and nothing else."""
    return len(ask) <= _LONGEST_CHARS and _is_only(ask, _ALL)


def is_greeting(ask: str) -> bool:
    """Whether an ask is a greeting, thanks or a farewell alone; later in a talk, a yes may set great work going."""
    return len(ask) <= _LONGEST_CHARS and _is_only(ask, _GREETINGS)


def is_assent(ask: str) -> bool:
    """Whether an ask tells to go ahead and nothing else ("Yes, go ahead"): what is to be done was said before."""
    return len(ask) <= _LONGEST_CHARS and _is_only(ask, _ASSENTS)


def _is_only(ask: str, courtesy: _Courtesy) -> bool:
    if ask.isascii():
        words = ask.lower().translate(_ASCII_WORDS).split()
    else:
        ask = _folded(ask)
        if _UNSPACED_CHAR.search(ask):
            unspaced = courtesy.unspaced
            return unspaced.known.fullmatch(ask) is not None and unspaced.core.search(ask) is not None
        words = _WORD.findall(ask)
    if not 0 < len(words) <= _LONGEST_WORDS or words[0] in _QUESTION_OPENERS:
        return False
    for language in courtesy.spaced.get(words[0], ()):
        if language.known.issuperset(words) and not language.core.isdisjoint(words):
            return True
    return False
