"""Words and letters by which languages written in Latin letters are told apart."""

WORDS: dict[str, str] = {
    "en": """
        the of and to in is are was were be been this that these those it its for with on at by from as an or if
        not you your we our they their he she his her my me us what which who how why when where can could would
        should will do does did has have had there about into please make give write explain list find tell show
        summarize summarise translate draft than any some all classify extract compare rewrite describe create
        help answer no
    """,
    "es": """
        el la los las un una unos unas de del al en con por para sin sobre que qué cual cuál cuáles como cómo
        cuando cuándo donde dónde quién es son está están ser hay fue este esta esto estos estas ese esa su sus
        se me mi nos le lo les más pero no si sí ya muy entre desde hasta porque haz dame dime resume traduce
        escribe explica redacta puedes cuánto cuánta cuántos mis tu hola gracias necesito quiero siguiente
        cuántas cuanto cuantos cuantas
    """,
    "pt": """
        os as um uma uns umas de do da dos das no na nos nas ao aos às ou em por pelo pela para sem sobre
        que qual quais quem como quando onde são está estão ser foi há este esta isto esse essa isso seu sua
        seus suas se me meu minha nós lhe mais mas não sim já muito entre até porque faça dê diga resuma traduza
        escreva explique redija você vocês pode quanto quanta quantos olá obrigado preciso quero seguinte num
        numa
    """,
    "fr": """
        le la les un une des du de au aux et ou en dans avec pour par sans sur sous que qui quoi quel quelle
        quels quelles comment quand où est sont être ont été ce cet cette ces son sa ses leur leurs mon ma mes
        notre nos votre vos se me il elle ils elles nous vous je tu on plus mais ne pas si très entre depuis
        parce fais donne dis résume résumez traduis traduisez écris rédige rédigez explique expliquez peux
        pouvez combien bonjour merci suivant suivante qu ai as
    """,
    "de": """
        der die das den dem des ein eine einen einem einer eines und oder in im mit für von vom zu zum zur auf
        an am bei nach aus über unter ohne um durch wer was wie wo wann warum welche welcher welches ist sind
        war waren sein hat haben wird werden wurde kann können soll sollen dieser diese dieses diesen diesem
        sich ich du er sie es wir ihr mir mich uns mein meine unser unsere nicht kein keine aber auch nur noch
        wenn als dass bitte fasse übersetze übersetzen schreibe schreib erkläre erstelle gib nenne zusammen
        folgenden
    """,
    "it": """
        il lo la gli le un uno una di del dello della dei degli delle al allo alla ai alle in nel nella nei
        nelle con per da dal dalla su sul sulla tra fra senza che chi cosa quale quali come quando dove perché
        sono essere ha hanno questo questa questi queste quello quella suo sua suoi si mi ci vi lui lei noi voi
        tu più ma non se già molto riassumi traduci scrivi spiega spiegami dammi dimmi puoi quanto quanti
        ciao grazie seguente mio mia nostra nostro dell nell all dall sull
    """,
    "nl": """
        de het een van en of in op met voor door aan bij naar uit over onder zonder om te tot wie wat hoe waar
        wanneer waarom welke welk is zijn was waren heeft hebben wordt worden kan kunnen zal zullen moet deze
        dit die dat zich ik jij je hij zij ze wij we jullie mij me ons mijn onze niet geen maar ook nog als dan
        er vat schrijf vertaal leg geef maak graag alsjeblieft samen volgende hun haar
    """,
    "pl": """
        we ze na do od po za dla przez przy pod nad bez oraz lub czy ale że co kto jak jaki jaka jakie gdzie
        kiedy dlaczego ile jest są był była było być ma mają ten ta to te tego tej tych się nie tak ja ty on ona
        my wy mi mnie mój moja nasz nasza już tylko także może proszę napisz przetłumacz wyjaśnij streść podaj
        zrób następujący
    """,
    "sv": """
        och att det den de en ett som är var av på med för till från om under över utan vid efter hos eller men
        vad vem hur när varför vilken vilket vilka inte ingen har hade ska skulle kan kunde blir blev detta
        denna dessa sig jag du han hon vi ni dem mig mitt min oss vår våra bara också så än skriv översätt
        förklara sammanfatta ge gör snälla följande
    """,
    "tr": """
        ve ile bir bu şu da de mi mı mu için gibi kadar göre sonra önce ama veya ya çok daha en ne nasıl neden
        nerede hangi kim kaç olarak olan oldu olduğu değil var yok ben sen biz siz onlar bana beni bunu şunu her
        tüm lütfen yaz çevir açıkla özetle ver metni aşağıdaki nedir
    """,
    "vi": """
        và của là có được cho trong với các những một này đó không người từ đến để khi như về theo tại hay hoặc
        nhưng tôi bạn chúng ta ông bà hãy viết dịch giải thích tóm tắt gì nào sao đâu bao nhiêu làm ơn sang
        tiếng đã sẽ đang rất cũng
    """,
    "id": """
        yang dan di ke dari untuk dengan pada dalam oleh atau adalah ini itu tidak bukan akan telah sudah bisa
        dapat ada saya anda kami kita mereka dia apa siapa bagaimana mengapa kapan dimana berapa juga karena
        sebagai tolong tulis buat jelaskan terjemahkan ringkas buatkan berikut antara lebih jika
    """,
}
"""Closed-class words of two letters and more (one letter is a variable), and the verbs people begin an ask with."""

CODE_WORDS = "and or not in is if for with from as on to do this it by at was my me us has all any where"
"""English words that code, or other languages, also use: they say less."""

LETTERS: dict[str, str] = {
    "es": "ñ¿¡",
    "pt": "ãõ",
    "fr": "êœëîû",
    "de": "ß",
    "it": "òì",
    "pl": "łąęśżźćń",
    "sv": "å",
    "tr": "ığş",
    "vi": "ơưđăạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
}
"""Letters and marks that, of the languages above, only one uses, or hardly any other."""
