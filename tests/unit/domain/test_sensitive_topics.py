import random
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.plain_text import plain_text
from gateway.domain.sensitive_concepts import CONCEPTS
from gateway.domain.sensitive_topics import Topic, topics_of
from tests.cpu_time import MOST_EIGHTFOLD, count_words, cpu_s, cpu_s_in_turn, eightfold_s

HEALTH = (
    "Summarise the discharge summary of Mrs Keller for her family doctor.",
    "My wife was diagnosed with multiple sclerosis last week. What should we ask the neurologist?",
    "The biopsy came back malignant. Draft a letter to the insurer.",
    "Please rewrite: the employee has been on sick leave since March because of a slipped disc.",
    "He takes 20 mg daily and his blood pressure was 165/95 this morning.",
    "I'm pregnant and my contract ends in June, whom do I tell?",
    "A patient asks whether fever and nausea after the injection are normal.",
    "Code this encounter in ICD-10 for billing.",
    "She tested HIV positive; can the clinic tell her employer?",
    "Translate my therapist's report: recurrent depression, anxiety, poor sleep.",
)
NO_HEALTH = (
    "The health check endpoint returns 503 when the database is down.",
    "Please be patient while the symptoms of the memory leak are reproduced.",
    "Run diagnostics on the cluster and write down the diagnosis of the failure.",
    "Our code base is in good health, but the dependency tree needs surgery.",
    "Prescribe a style guide for the front-end team.",
    "Inject the dependency through the constructor instead of a global.",
    "The market shows symptoms of fatigue after a feverish quarter.",
    "Which vaccine manufacturer opened a plant in Belgium?",
    "Write a blog post about healthy team culture.",
    "patient_id INTEGER NOT NULL, diagnosis_code VARCHAR(8)",
)
FINANCIAL = (
    "My salary is 4,200 a month; can I afford the flat?",
    "Attached is his bank statement, list the payments above 500.",
    "We have not published yet: revise the P&L before the board meeting.",
    "What does a credit score of 610 mean for my loan application?",
    "Fill in the tax return of a freelancer with these figures.",
    "The supplier filed for bankruptcy, and we are owed 80,000.",
    "I cannot pay the mortgage and my credit card is at its limit.",
    "Summarise the unaudited balance sheet and the cash flow for the lenders.",
    "Draft an e-mail on the payroll error: her salary was paid twice.",
    "This is material non-public information about the merger.",
)
NO_FINANCIAL = (
    "We walked along the bank of the river until noon.",
    "The savings of the new cache are 30 % of CPU time.",
    "Pay attention to the balance of the tree after each insertion.",
    "Our technical debt grows with every release.",
    "Credit where it is due: the docs team did well.",
    "The account is locked after five failed log-ins.",
    "Return the interest of the user in each category as a float.",
    "How do I invest time wisely as a student?",
    "The loan word entered the language in the 12th century.",
    "salary NUMERIC(10, 2), bank_account_number TEXT",
)
LEGAL = (
    "Does the indemnification in section 9 cover third-party claims?",
    "The plaintiff alleges that we copied the design.",
    "Review the non-disclosure agreement before we send it back.",
    "Our attorney advises against a settlement; summarise the reasons.",
    "Is a two-year non-compete enforceable in Germany?",
    "We received a subpoena for all e-mails of last year.",
    "Answer this GDPR request: a customer wants all data deleted.",
    "My landlord sent an eviction notice, what are my rights?",
    "They threaten legal action and claim damages for breach of warranty.",
    "Draft the termination clause for a consultant.",
)
NO_LEGAL = (
    "Is castling through check a legal move in chess?",
    "Rewrite the WHERE clause so that it uses the index.",
    "The tennis court is booked until six.",
    "Our API contract tests fail on the null field.",
    "Judge the quality of this answer from 1 to 5.",
    "Settle the balance of the two teams before the game.",
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software.",
    "Is 0 a legal value for the timeout parameter?",
    "The trial version expires after 14 days.",
    "class Actions(Enum): SUE = 1",
)

TABLES: dict[Topic, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "health": (HEALTH, NO_HEALTH),
    "financial": (FINANCIAL, NO_FINANCIAL),
    "legal": (LEGAL, NO_LEGAL),
}

ABROAD: dict[Topic, tuple[str, ...]] = {
    "health": (
        "Resume la historia clínica de la señora Gómez.",
        "Mi hermano fue diagnosticado con diabetes, ¿qué debe comer?",
        "El paciente tiene fiebre y alergia a la penicilina.",
        "Resuma o prontuário médico deste doente.",
        "Estou grávida e o meu chefe ainda não sabe.",
        "O paciente tem febre e tosse há três dias.",
        "Elle est en arrêt maladie depuis mars, que dois-je écrire ?",
        "La biopsie est positive ; rédige une lettre à la famille.",
        "Je suis enceinte de trois mois et je cherche un emploi.",
        "Fasse den Arztbrief von Herrn Maier zusammen.",
        "Meine Kollegin ist krankgeschrieben wegen Burnout.",
        "Der Patient hat Fieber und eine Allergie gegen Penicillin.",
        "Riassumi la cartella clinica della signora Rossi.",
        "La biopsia è positiva, scrivi alla famiglia.",
        "Il paziente ha la febbre e prende un farmaco nuovo.",
        "Vat het medisch dossier van mevrouw De Vries samen.",
        "Ik ben zwanger en mijn contract loopt af.",
        "De patiënt heeft koorts en slikt antibiotica.",
        "请总结这份病历，给家庭医生看。",
        "我母亲上周确诊了，需要化疗吗？",
        "患者发烧三天，对青霉素过敏。",
        "この診断書を英語に訳してください。",
        "妻が妊娠しています。会社にはいつ伝えるべきですか。",
        "患者は発熱があり、アレルギーもあります。",
    ),
    "financial": (
        "Mi sueldo es de 1.900 euros, ¿puedo alquilar el piso?",
        "Revisa este extracto bancario y suma los recibos.",
        "No puedo pagar la hipoteca y el préstamo a la vez.",
        "Verifique o extrato bancário em anexo.",
        "Ajude-me com a declaração de imposto de renda.",
        "Tenho um empréstimo e uma dívida no cartão de crédito.",
        "Voici ma fiche de paie, explique les cotisations.",
        "Remplis ma déclaration de revenus.",
        "Ils ont une dette et le compte bancaire est bloqué.",
        "Prüfe meine Gehaltsabrechnung vom Mai.",
        "Was bedeutet ein negativer Schufa-Eintrag?",
        "Sie hat Schulden und das Girokonto ist gesperrt.",
        "Controlla la mia busta paga di maggio.",
        "Aiutami con la dichiarazione dei redditi.",
        "Ha un mutuo e un prestito che non riesce a pagare.",
        "Controleer mijn loonstrook van mei.",
        "Help me met de belastingaangifte.",
        "Hij heeft een lening en een hypotheek bij twee instellingen.",
        "请核对我的工资单。",
        "帮我填写纳税申报表。",
        "他的信用卡和贷款都逾期了。",
        "給与明細を確認してください。",
        "確定申告の書き方を教えてください。",
        "融資の返済が滞納しています。",
    ),
    "legal": (
        "Redacta un acuerdo de confidencialidad con el proveedor.",
        "El demandante reclama daños por el retraso.",
        "El abogado dice que el despido es nulo.",
        "Redija um acordo de confidencialidade.",
        "Recebemos uma ação judicial de um cliente.",
        "O advogado diz que o contrato é nulo.",
        "Rédige une mise en demeure au fournisseur.",
        "Que vaut cette clause de non-concurrence ?",
        "L'avocat conteste le licenciement.",
        "Prüfe die Geheimhaltungsvereinbarung mit dem Lieferanten.",
        "Der Kläger fordert 10.000 Euro.",
        "Der Anwalt hält den Vertrag für nichtig.",
        "Scrivi un accordo di riservatezza.",
        "Abbiamo ricevuto un decreto ingiuntivo.",
        "L'avvocato dice che il licenziamento è nullo.",
        "Stel een geheimhoudingsverklaring op.",
        "Is dit concurrentiebeding geldig?",
        "De advocaat vecht het ontslag aan.",
        "请起草一份保密协议。",
        "原告要求赔偿十万元。",
        "律师说公司单方面解雇无效。",
        "秘密保持契約を作成してください。",
        "原告は損害賠償を求めています。",
        "契約書を解雇の前に確認したい。",
    ),
}
HARMLESS_ABROAD: dict[Topic, tuple[str, ...]] = {
    "health": (
        "La salud del servidor se comprueba cada minuto.",
        "Sé paciente, la compilación tarda.",
        "El diagnóstico de red no encontró errores.",
        "O estado de saúde do servidor é verificado a cada minuto.",
        "Seja paciente, a compilação demora.",
        "A equipa fez uma operação de limpeza nos dados.",
        "La santé du serveur est vérifiée chaque minute.",
        "Soyez patient, la compilation est longue.",
        "Le traitement des données prend une heure.",
        "Der Zustand des Servers wird jede Minute geprüft.",
        "Die Diagnose des Netzwerks fand keine Fehler.",
        "Die Operation a + b ist kommutativ.",
        "Lo stato di salute del server è verificato ogni minuto.",
        "Il trattamento dei dati richiede un'ora.",
        "La diagnosi della rete non ha trovato errori.",
        "De gezondheid van de server wordt elke minuut gecontroleerd.",
        "De behandeling van de gegevens duurt een uur.",
        "Wees geduldig, het bouwen duurt lang.",
        "服务器健康检查每分钟运行一次。",
        "请诊断网络故障。",
        "请耐心等待编译完成。",
        "サーバーのヘルスチェックは毎分実行されます。",
        "がんばってテストを書きましょう。",
        "ネットワークの診断を実行してください。",
    ),
    "financial": (
        "El banco de pruebas está listo.",
        "Ahorramos memoria con la nueva caché.",
        "Nos sentamos en un banco del parque.",
        "O banco de dados está pronto.",
        "Poupamos memória com a nova cache.",
        "O saldo da árvore é recalculado.",
        "Nous étions assis sur un banc du parc.",
        "La dette technique augmente.",
        "Le bilan du sprint est bon.",
        "Wir saßen auf einer Bank im Park.",
        "Die technischen Schulden wachsen.",
        "Das Konto ist nach fünf Versuchen gesperrt.",
        "Eravamo seduti su una panchina del parco.",
        "Il debito tecnico cresce.",
        "Il bilancio dello sprint è buono.",
        "We zaten op de bank televisie te kijken.",
        "De technische schuld groeit.",
        "Het saldo van de boom wordt opnieuw berekend.",
        "我们坐在河岸边。",
        "技术债务在增加。",
        "新缓存节省了内存。",
        "川の土手を歩きました。",
        "新しいキャッシュでメモリを節約しました。",
        "利息という言葉の語源は何ですか。",
    ),
    "legal": (
        "La cláusula WHERE usa el índice.",
        "¿Es legal esta jugada de ajedrez?",
        "El contrato de la API exige un campo.",
        "A cláusula WHERE usa o índice.",
        "Esta jogada de xadrez é legal?",
        "O contrato da API exige um campo.",
        "La clause WHERE utilise l'index.",
        "Ce coup est-il légal aux échecs ?",
        "Le contrat de l'API exige un champ.",
        "Die WHERE-Klausel nutzt den Index.",
        "Ist dieser Schachzug legal?",
        "Das Gericht schmeckt mit Petersilie besser.",
        "La clausola WHERE usa l'indice.",
        "Questa mossa di scacchi è legale?",
        "Il contratto dell'API richiede un campo.",
        "De WHERE-clausule gebruikt de index.",
        "Is deze schaakzet legaal?",
        "Het proces op poort 8080 is gestopt.",
        "这步棋合法吗？",
        "接口合同测试失败了。",
        "请编译条款以外的部分。",
        "この手はチェスのルールで合法ですか。",
        "APIの契約テストが失敗しました。",
        "裁判ゲームの画面を作ってください。",
    ),
}


def _rows(choose: Callable[[Topic], tuple[str, ...]]) -> list[tuple[Topic, str]]:
    return [(topic, text) for topic in TABLES for text in choose(topic)]


def _topics(text: str) -> tuple[Topic, ...]:
    return topics_of(plain_text(text).data)


@pytest.mark.parametrize(("topic", "text"), _rows(lambda topic: TABLES[topic][0] + ABROAD[topic]))
def test_what_is_about_a_topic_is_found(topic: Topic, text: str) -> None:
    assert topic in _topics(text)
    assert topic in _topics(text.upper())
    assert topic in _topics(f"“{text}”")


@pytest.mark.parametrize(("topic", "text"), _rows(lambda topic: TABLES[topic][1] + HARMLESS_ABROAD[topic]))
def test_everyday_uses_of_a_topics_words_are_not_the_topic(topic: Topic, text: str) -> None:
    assert _topics(text) == ()


def test_one_strong_term_suffices() -> None:
    assert _topics("biopsy") == ("health",)


def test_one_weak_term_is_not_enough_however_often_it_stands() -> None:
    assert _topics("court, court and court") == ()


def test_two_spellings_of_a_weak_term_count_as_one() -> None:
    assert _topics("The clause follows other clauses.") == ()


def test_two_weak_terms_of_different_topics_are_not_enough() -> None:
    assert _topics("The surgery was paid by a loan.") == ()


def test_two_different_weak_terms_count_wherever_in_the_text_they_stand() -> None:
    assert _topics("jury " + "nothing to see here " * 20_000 + "verdict") == ("legal",)


@pytest.mark.parametrize(
    "text", ["medical record", "Medical-Records", "MEDICAL\n  RECORD", "(medical record)", "'medical record'"]
)
def test_a_term_is_found_however_it_is_set(text: str) -> None:
    assert _topics(text) == ("health",)


@pytest.mark.parametrize(
    "text", ["diagnostico de la fiebre", "diagnóstico de la fiebre", "Bonität", "Bonitaet", "Bonitat"]
)
def test_a_term_is_found_without_its_accents(text: str) -> None:
    assert _topics(text) != ()


@pytest.mark.parametrize("text", ["autobiopsy", "medical_records", "biopsy2", "xlawsuit"])
def test_a_term_within_a_longer_word_is_none(text: str) -> None:
    assert _topics(text) == ()


def test_a_strong_term_that_begins_within_a_weak_one_is_found() -> None:
    assert _topics("the patient presents") == ("health",)


def test_topics_come_in_their_order() -> None:
    assert _topics("litigation, then my salary, then the biopsy") == ("health", "financial", "legal")


def test_what_stands_after_very_many_terms_of_the_same_is_found() -> None:
    assert _topics("court " * 250 + "verdict") == ("legal",)
    assert _topics("court " * 5_000 + "lawsuit") == ("legal",)
    assert _topics("biopsy " * 5_000 + "my salary and the lawsuit") == ("health", "financial", "legal")
    assert _topics("court " * 5_000 + "verdict") == ("legal",)
    assert _topics("court " * 5_000) == ()


def test_a_term_hidden_in_a_longer_one_counts_only_where_it_stands_alone() -> None:
    assert _topics("The contract was signed.") == ()
    assert _topics("The contract was signed; a contract.") == ("legal",)


def test_two_terms_count_however_many_of_one_stand_between_them() -> None:
    for times in (0, 1, 60, 70, 300, 2_000):
        assert _topics("verdict " + "court " * times + "biopsy") == (("health", "legal") if times else ("health",))
        assert _topics("court " + "biopsy " * times + "verdict") == (("health", "legal") if times else ("legal",))


def test_a_term_of_one_topic_hides_none_of_another_that_begins_it() -> None:
    assert _topics("an employee, a fever; an employee, a verdict") == ("health", "legal")


def test_a_measured_value_counts_unless_it_is_known_that_there_is_none() -> None:
    assert topics_of(b"BP was 120/80") == ("health",)
    assert topics_of(b"BP was 120/80", may_state_facts=False) == ()


@pytest.mark.parametrize("unit", ["hiv ", "court ", "court bank ", "clause clauses ", "医生", "500 mg daily "])
def test_no_text_takes_much_longer_than_prose_of_its_length(unit: str) -> None:
    prose, busy = (each * (400_000 // len(each)) for each in ("The quick brown fox jumps. ", unit))

    prose_s, busy_s, words_s = cpu_s_in_turn(lambda: _topics(prose), lambda: _topics(busy), lambda: count_words(prose))

    assert busy_s < 4 * prose_s + words_s


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert set(_topics(text)) <= set(TABLES)


@pytest.mark.parametrize("unit", ["word ", "court ", "medical ", "medical-", "’", "患", "\ud800", "a", "500 mg "])
def test_the_time_taken_grows_with_the_length_not_its_square(unit: str) -> None:
    short_s, long_s = eightfold_s(_topics, unit)

    assert long_s < MOST_EIGHTFOLD * short_s + 0.005


def test_terms_in_mixtures_never_seen_before_keep_to_the_time_a_megabyte_may_take() -> None:
    dice = random.Random(11)
    spellings = [spelling.decode() for concepts in CONCEPTS.values() for spelling in concepts]
    texts = [" and then ".join(dice.choices(spellings, k=20_000)) for _ in range(3)]

    each_s = [cpu_s(partial(topics_of, text.encode()), best_of=1) for text in texts]

    assert min(each_s) < 0.04 * min(map(len, texts)) / 1_000_000
