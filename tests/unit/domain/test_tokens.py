import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.tokens import estimated_tokens
from tests.cpu_time import cpu_s

CL100K_FILE = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""The name under which the tokenizer's library looks for the vocabulary in its directory of files."""

PROSE = {
    "English": """
        Thank you for your patience while we looked into the delay of your last order. The parcel left our warehouse
        on Monday, but a storm closed the motorway and the carrier had to wait for two days before the roads were open
        again. We have asked them to treat it as urgent, and you should receive it before the end of the week. If the
        goods arrive damaged, please take a few pictures, keep the box, and write to us within thirty days; a colleague
        from the claims team will then send you a replacement or pay the amount back to your card. We are also adding a
        small discount to your account, which you can use for your next purchase. Many customers have asked how we plan
        to avoid such problems in winter. From November on, a second carrier will serve the northern region, and the
        website will show a more careful estimate of the day of delivery. We know that a late parcel can spoil a
        birthday, and we are sorry that we let you down this time. Please call us if you have a question.
    """,
    "Spanish": """
        Gracias por su paciencia mientras revisamos el retraso de su último pedido. El paquete salió de nuestro almacén
        el lunes, pero una tormenta cerró la autopista y el transportista tuvo que esperar dos días hasta que las
        carreteras volvieron a abrirse. Les hemos pedido que lo traten como urgente y debería recibirlo antes del fin
        de semana. Si la mercancía llega dañada, haga algunas fotografías, guarde la caja y escríbanos en un plazo de
        treinta días; un compañero del departamento de reclamaciones le enviará otro artículo o devolverá el importe a
        su tarjeta. También hemos añadido un pequeño descuento a su cuenta, que podrá utilizar en la próxima compra.
        Muchos clientes nos preguntan cómo pensamos evitar estos problemas en invierno. A partir de noviembre, un
        segundo transportista atenderá la zona norte y la página mostrará una fecha de entrega más prudente.
    """,
    "Portuguese": """
        Agradecemos a sua paciência enquanto verificávamos o atraso do seu último pedido. A encomenda saiu do nosso
        armazém na segunda-feira, mas uma tempestade fechou a estrada e a transportadora teve de esperar dois dias até
        que a circulação fosse retomada. Pedimos que a entrega seja tratada como urgente e você deve recebê-la antes do
        fim da semana. Se os produtos chegarem danificados, tire algumas fotografias, guarde a caixa e escreva para nós
        no prazo de trinta dias; um colega da equipe de reclamações enviará outro artigo ou devolverá o valor ao seu
        cartão. Também acrescentamos um pequeno desconto à sua conta, que poderá ser usado na próxima compra. Muitos
        clientes perguntam como pretendemos evitar esses problemas no inverno. A partir de novembro, uma segunda
        transportadora atenderá a região norte e o site mostrará uma data de entrega mais prudente.
    """,
    "French": """
        Merci de votre patience pendant que nous cherchions la cause du retard de votre dernière commande. Le colis a
        quitté notre entrepôt lundi, mais une tempête a fermé l'autoroute et le transporteur a dû attendre deux jours
        avant que les routes soient de nouveau ouvertes. Nous lui avons demandé de le traiter en urgence et vous
        devriez le recevoir avant la fin de la semaine. Si la marchandise arrive abîmée, prenez quelques photos,
        gardez le carton et écrivez-nous dans un délai de trente jours ; un collègue du service des réclamations vous
        enverra un autre
        article ou remboursera la somme sur votre carte. Nous avons aussi ajouté une petite remise à votre compte, que
        vous pourrez utiliser lors de votre prochain achat. De nombreux clients nous demandent comment nous pensons
        éviter ces ennuis en hiver. À partir de novembre, un second transporteur desservira la région nord.
    """,
    "German": """
        Vielen Dank für Ihre Geduld, während wir die Verzögerung Ihrer letzten Bestellung geprüft haben. Das Paket hat
        unser Lager am Montag verlassen, aber ein Sturm hat die Autobahn gesperrt, und der Spediteur musste zwei Tage
        warten, bis die Straßen wieder frei waren. Wir haben darum gebeten, die Lieferung als dringend zu behandeln; Sie
        sollten sie noch vor dem Wochenende erhalten. Falls die Ware beschädigt ankommt, machen Sie bitte einige Fotos,
        bewahren Sie den Karton auf und schreiben Sie uns innerhalb von dreißig Tagen. Eine Kollegin aus der Abteilung
        für Reklamationen schickt Ihnen dann Ersatz oder überweist den Betrag auf Ihre Karte zurück. Außerdem haben wir
        Ihrem Konto einen kleinen Rabatt gutgeschrieben, den Sie beim nächsten Einkauf nutzen können. Ab November wird
        ein zweiter Spediteur den Norden beliefern, und die Webseite zeigt einen vorsichtigeren Liefertermin an.
    """,
    "Italian": """
        Grazie per la pazienza con cui ha atteso mentre cercavamo la causa del ritardo del suo ultimo ordine. Il pacco
        ha lasciato il nostro magazzino lunedì, ma una tempesta ha chiuso l'autostrada e il corriere ha dovuto aspettare
        due giorni prima che le strade fossero di nuovo aperte. Abbiamo chiesto di trattare la consegna come urgente e
        dovrebbe riceverla prima della fine della settimana. Se la merce arriva danneggiata, faccia qualche fotografia,
        conservi la scatola e ci scriva entro trenta giorni; un collega del reparto reclami le manderà un altro articolo
        oppure restituirà la somma sulla sua carta. Abbiamo inoltre aggiunto un piccolo sconto al suo conto, che potrà
        usare per il prossimo acquisto. Da novembre un secondo corriere servirà la zona nord e il sito mostrerà una data
        di consegna più prudente.
    """,
    "Dutch": """
        Bedankt voor uw geduld terwijl wij de vertraging van uw laatste bestelling hebben onderzocht. Het pakket heeft
        ons magazijn op maandag verlaten, maar door een storm was de snelweg gesloten en de vervoerder moest twee dagen
        wachten voordat de wegen weer open waren. Wij hebben gevraagd om de levering als dringend te behandelen en u zou
        het pakket voor het einde van de week moeten ontvangen. Als de goederen beschadigd aankomen, maak dan een paar
        foto's, bewaar de doos en schrijf ons binnen dertig dagen; een collega van de afdeling klachten stuurt u dan een
        ander artikel of betaalt het bedrag terug op uw kaart. Wij hebben ook een kleine korting aan uw account
        toegevoegd, die u bij de volgende aankoop kunt gebruiken. Vanaf november zal een tweede vervoerder het noorden
        bedienen en toont de website een voorzichtiger datum.
    """,
    "Russian": """
        Благодарим вас за терпение, пока мы выясняли причину задержки вашего последнего заказа. Посылка покинула наш
        склад в понедельник, но из-за бури закрыли дорогу, и перевозчику пришлось ждать два дня, пока движение снова
        не открыли. Мы попросили считать доставку срочной, и вы должны получить её до конца недели. Если товар придёт
        повреждённым, сделайте несколько фотографий, сохраните коробку и напишите нам в течение тридцати дней;
        сотрудник отдела претензий отправит вам замену или вернёт деньги на карту. Мы также добавили небольшую скидку,
        которую можно использовать при следующей покупке.
    """,
    "Chinese": """
        感谢您在我们调查上一笔订单延误原因期间的耐心等待。包裹已于星期一离开我们的仓库,但由于暴风雨,高速公路关闭,
        承运商不得不等待两天,直到道路重新开放。我们已经要求他们加急处理,您应该能在本周末之前收到。如果货物到达时有损坏,
        请拍几张照片,保留包装箱,并在三十天之内写信给我们;理赔部门的同事会为您寄出新的商品,或者把款项退回到您的银行卡。
        我们还在您的账户里增加了一个小小的优惠,您可以在下一次购买时使用。许多客户问我们打算如何在冬天避免类似的问题。
        从十一月开始,第二家承运商将负责北部地区,网站也会显示更加谨慎的送货日期。
    """,
    "Japanese": """
        先日のご注文の遅れについて調査している間、お待ちいただきありがとうございます。お荷物は月曜日に倉庫を出発しましたが、
        嵐のために高速道路が閉鎖され、運送会社は道路が再び開通するまで二日間待たなければなりませんでした。至急の扱いにするよう
        お願いしましたので、週末までにはお届けできる見込みです。商品が破損していた場合は、写真を何枚か撮り、箱を保管したうえで、
        三十日以内にご連絡ください。担当者が代わりの品をお送りするか、カードに代金をお返しします。また、次回のお買い物で
        お使いいただける割引をアカウントに追加しました。
    """,
    "Korean": """
        지난 주문이 늦어진 이유를 확인하는 동안 기다려 주셔서 감사합니다. 상품은 월요일에 창고에서 출발했지만
        폭풍으로 고속도로가 폐쇄되어 운송 회사는 도로가 다시 열릴 때까지 이틀 동안 기다려야 했습니다. 긴급
        배송으로 처리해 달라고 요청했으므로 이번 주말 전에 받으실 수 있을 것입니다. 상품이 손상된 상태로
        도착하면 사진을 몇 장 찍고 상자를 보관한 다음 삼십 일 안에 연락해 주시기 바랍니다. 담당 직원이 새
        상품을 보내 드리거나 카드로 금액을 돌려 드립니다. 다음 구매에 사용하실 수 있는 할인도 계정에
        추가했습니다.
    """,
    "Arabic": """
        شكرا لكم على صبركم بينما كنا نبحث عن سبب تأخر طلبكم الأخير. غادرت الشحنة مستودعنا يوم الاثنين، ولكن
        العاصفة أغلقت الطريق السريع واضطرت شركة النقل إلى الانتظار يومين حتى فتحت الطرق من جديد. لقد طلبنا
        منهم التعامل معها على أنها عاجلة، ومن المفترض أن تصل إليكم قبل نهاية الأسبوع. إذا وصلت البضاعة تالفة
        فيرجى التقاط بعض الصور والاحتفاظ بالصندوق والكتابة إلينا خلال ثلاثين يوما، وسوف يرسل إليكم أحد الزملاء
        بديلا أو يعيد المبلغ إلى بطاقتكم.
    """,
}
DATA = {
    "Python": '''
class Ledger:
    """Entries by account, and what they add up to."""

    def __init__(self, accounts: list[str]) -> None:
        self._entries: dict[str, list[int]] = {account: [] for account in accounts}
        self._closed = False

    def post(self, account: str, amount: int) -> None:
        if self._closed:
            raise ValueError(f"the ledger is closed; {account!r} takes no more entries")
        if account not in self._entries:
            raise KeyError(account)
        self._entries[account].append(amount)

    def balance(self, account: str) -> int:
        return sum(self._entries[account])

    def totals(self) -> dict[str, int]:
        return {account: sum(entries) for account, entries in self._entries.items() if entries}

    def close(self) -> None:
        for account, total in sorted(self.totals().items()):
            print(f"{account:20} {total / 100:12.2f}")
        self._closed = True
''',
    "JavaScript": """
import { readFile } from "node:fs/promises";

const DEFAULTS = { retries: 3, timeout: 5000, verbose: false };

export async function loadOrders(path, options = {}) {
  const settings = { ...DEFAULTS, ...options };
  for (let attempt = 0; attempt < settings.retries; attempt++) {
    try {
      const text = await readFile(path, "utf8");
      const orders = JSON.parse(text).filter((order) => order.status !== "cancelled");
      return orders.map((order) => ({
        id: order.id,
        total: order.lines.reduce((sum, line) => sum + line.price * line.quantity, 0),
        customer: order.customer?.name ?? "unknown",
      }));
    } catch (error) {
      if (settings.verbose) {
        console.error(`attempt ${attempt + 1} failed: ${error.message}`);
      }
    }
  }
  throw new Error("no orders could be read");
}
""",
    "JSON": """
{
  "order": {"id": "A-20417", "created": "2025-03-14T09:26:53Z", "status": "shipped", "currency": "EUR"},
  "customer": {"name": "North Harbour Foods", "email": "orders@example.com", "tags": ["wholesale", "priority"]},
  "lines": [
    {"sku": "TEA-250-GRN", "quantity": 12, "unit_price": 4.95, "discount": null},
    {"sku": "COF-1000-DRK", "quantity": 3, "unit_price": 18.5, "discount": 0.1},
    {"sku": "MUG-WHT", "quantity": 40, "unit_price": 2.2, "discount": null}
  ],
  "shipping": {"method": "express", "address": {"street": "Kade 7", "city": "Rotterdam", "postcode": "3011"}},
  "totals": {"net": 202.85, "tax": 18.26, "gross": 221.11},
  "events": [
    {"at": "2025-03-14T10:02:11Z", "kind": "paid", "by": "card"},
    {"at": "2025-03-15T07:45:00Z", "kind": "packed", "by": "warehouse"}
  ]
}
""",
    "Markdown": """
# Onboarding a new supplier

Every supplier goes through the same **four steps**. Plan about two weeks, and tell the buyer when something is late.

## 1. Collect the papers

- registration and tax number
- bank details, confirmed by telephone (never by e-mail alone)
- certificates: `ISO 9001`, and *food safety* where it applies

## 2. Check the risks

| check        | who        | limit     |
|--------------|------------|-----------|
| sanctions    | compliance | same day  |
| credit score | finance    | two days  |
| site visit   | quality    | ten days  |

## 3. Agree on the terms

Use the [standard contract](https://example.com/contracts/standard). Changes to payment or liability need a signature
from the legal team; see the note on page 4.

## 4. Open the account

1. Create the supplier in the system.
2. Attach the papers.
3. Ask a second person to approve it.
""",
    "CSV": "date,account,amount,reference\n"
    + "".join(
        f"2025-0{month}-1{day},4{month}0{day}7,{month * 131.07 + day:.2f},INV-{month}{day}8{day}3\n"
        for month in range(1, 10)
        for day in range(4)
    ),
}
TEXTS = {kind: " ".join(text.split()) for kind, text in PROSE.items()} | DATA


@pytest.fixture(scope="module")
def tokenizer() -> Iterator[tiktoken.Encoding]:
    """The real one, from the file that litellm ships; nothing is fetched."""
    litellm = importlib.util.find_spec("litellm")
    assert litellm is not None
    assert litellm.origin is not None
    directory = Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"
    assert (directory / CL100K_FILE).is_file()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(directory))
        yield tiktoken.get_encoding("cl100k_base")


@pytest.mark.parametrize("kind", TEXTS)
def test_the_estimate_is_within_15_per_cent_of_the_tokenizer(kind: str, tokenizer: tiktoken.Encoding) -> None:
    text = TEXTS[kind]
    true = len(tokenizer.encode(text))
    assert true > 200

    estimate = estimated_tokens(text)

    assert estimate == pytest.approx(true, rel=0.15)


def test_half_of_the_kinds_are_within_8_per_cent(tokenizer: tiktoken.Encoding) -> None:
    true = {kind: len(tokenizer.encode(text)) for kind, text in TEXTS.items()}

    errors = sorted(abs(estimated_tokens(text) / true[kind] - 1) for kind, text in TEXTS.items())

    assert errors[len(errors) // 2] < 0.08


def test_a_long_text_is_judged_by_slices_of_all_its_parts() -> None:
    """Half of it English, half of it Chinese: neither half alone would do."""
    english, chinese = TEXTS["English"] * 40, TEXTS["Chinese"] * 80

    estimate = estimated_tokens(english + chinese)

    assert estimate == pytest.approx(
        estimated_tokens(TEXTS["English"]) * 40 + estimated_tokens(TEXTS["Chinese"]) * 80, rel=0.1
    )


def test_the_empty_text_has_no_tokens_and_any_other_at_least_one() -> None:
    assert estimated_tokens("") == 0
    assert all(estimated_tokens(chr(code)) >= 1 for code in range(0x3000))


@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_any_text_has_a_bounded_estimate(text: str) -> None:
    """Lone surrogates included, which no encoding writes."""
    assert (len(text) > 0) <= estimated_tokens(text) <= 5 * len(text)


@given(st.sampled_from(sorted(TEXTS)), st.sampled_from(sorted(TEXTS)))
def test_texts_of_one_kind_and_another_add_up(one: str, other: str) -> None:
    apart = estimated_tokens(TEXTS[one]) + estimated_tokens(TEXTS[other])

    together = estimated_tokens(f"{TEXTS[one]}\n\n{TEXTS[other]}")

    assert together == pytest.approx(apart, rel=0.3)


@given(st.sampled_from(sorted(TEXTS)), st.integers(2, 40))
def test_the_same_text_many_times_has_as_many_times_the_tokens(kind: str, times: int) -> None:
    assert estimated_tokens(TEXTS[kind] * times) == pytest.approx(estimated_tokens(TEXTS[kind]) * times, rel=0.08)


@given(st.sampled_from(sorted(TEXTS)), st.integers(20, 100))
def test_a_longer_part_has_more_tokens(kind: str, chars: int) -> None:
    text = TEXTS[kind]

    assert estimated_tokens(text[:chars]) < estimated_tokens(text[: chars * 2])


@pytest.mark.parametrize("unit", ["a", "1", " ", "\n", "    \n", "é", "字", "я", "\ud800"])
def test_the_time_taken_is_bounded(unit: str) -> None:
    text = (unit * 2_000_000)[:2_000_000]

    assert cpu_s(lambda: estimated_tokens(text)) < 0.5
