"""Encodings that a text does not name: three lines of many languages, and what is no text."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sources.readers import sections
from core.sources.readers.sections import Binary
from core.sources.readers.text import decoded

# Three lines of a language, and the older encodings in which they are told from all others.
LINES = {
    "Polish": (
        "cp1250 iso8859_2",
        "Zażółć gęślą jaźń, powiedział wójt.\n"
        "W niedzielę pójdziemy na długi spacer wzdłuż rzeki.\n"
        "Później zjemy obiad i wrócimy do domu przed zmierzchem.",
    ),
    "Czech": (
        "cp1250 iso8859_2",
        "Příliš žluťoučký kůň úpěl ďábelské ódy.\n"
        "V neděli půjdeme na dlouhou procházku podél řeky.\n"
        "Potom se naobědváme a vrátíme se domů před setměním.",
    ),
    "Hungarian": (
        "cp1250 iso8859_2",
        "Vasárnap hosszú sétát teszünk a folyó mentén.\n"
        "Aztán megebédelünk, és sötétedés előtt hazatérünk.\n"
        "A nagymama süteményt süt, a gyerekek pedig az udvaron játszanak, amíg meg nem jön az eső, és fűtünk a nagy tűzhelyben.",
    ),
    "Turkish": (
        "cp1254 iso8859_9",
        "Pazar günü nehir boyunca uzun bir yürüyüş yapacağız.\n"
        "Sonra öğle yemeği yiyip hava kararmadan eve döneceğiz.\n"
        "Büyükanne börek yapıyor, çocuklar yağmur başlayana kadar bahçede oynuyorlar. Işıklar söndü.",
    ),
    "Lithuanian": (
        "cp1257 iso8859_13",
        "Sekmadienį eisime ilgai pasivaikščioti palei upę.\n"
        "Paskui papietausime ir grįšime namo prieš sutemstant.\n"
        "Močiutė kepa pyragus, o vaikai žaidžia kieme, kol prasideda lietus.",
    ),
    "German": (
        "cp1252 iso8859_15 mac_roman",
        "Am Sonntag machen wir einen langen Spaziergang den Fluß entlang.\n"
        "Später essen wir zu Mittag und kehren vor der Dämmerung zurück.\n"
        "Grüße aus Köln, die Großmutter bäckt Kuchen.",
    ),
    "French": (
        "cp1252 iso8859_15 mac_roman",
        "Dimanche, nous ferons une longue promenade près de la rivière.\n"
        "Après, nous déjeunerons à la maison et nous rentrerons avant la nuit.\n"
        "La grand-mère prépare des gâteaux, les élèves jouent avec leur sœur jusqu'à la pluie.",
    ),
    "Spanish": (
        "cp1252 mac_roman",
        "El domingo daremos un largo paseo junto al río.\n"
        "Después comeremos y volveremos a casa antes del anochecer.\n"
        "La abuela prepara piñonates y los niños juegan en el jardín. ¿Qué más quieres?",
    ),
    "Swedish": (
        "cp1252 mac_roman",
        "På söndag tar vi en lång promenad längs ån.\n"
        "Sedan äter vi lunch och går hem före skymningen.\n"
        "Mormor bakar kakor och barnen leker på gården tills regnet börjar.",
    ),
    "English": (
        "cp1252 mac_roman",
        "He said “hello” — and that’s all there was to it.\n"
        "The café didn’t open until nine o’clock.\n"
        "We’ll see you there… or not.",
    ),
    "Icelandic": (
        "cp1252",
        "Á sunnudaginn förum við í langa göngu meðfram ánni.\n"
        "Síðan borðum við hádegismat og förum heim fyrir myrkur.\n"
        "Það er gott veður og börnin leika sér í garðinum.",
    ),
    "Russian": (
        "cp1251 koi8_r cp866 iso8859_5",
        "В воскресенье мы пойдём на долгую прогулку вдоль реки.\n"
        "Потом пообедаем и вернёмся домой до темноты.\n"
        "Бабушка печёт пироги, а дети играют во дворе.",
    ),
    "Ukrainian": (
        "cp1251 koi8_u",
        "У неділю ми підемо на довгу прогулянку вздовж річки.\n"
        "Потім пообідаємо і повернемося додому до темряви.\n"
        "Бабуся пече пиріжки, а діти граються надворі.",
    ),
    "Greek": (
        "cp1253 iso8859_7",
        "Την Κυριακή θα κάνουμε έναν μακρύ περίπατο δίπλα στο ποτάμι.\n"
        "Μετά θα φάμε και θα γυρίσουμε σπίτι πριν νυχτώσει.\n"
        "Η γιαγιά φτιάχνει πίτες και τα παιδιά παίζουν στην αυλή.",
    ),
    "Hebrew": (
        "cp1255 iso8859_8",
        "ביום ראשון נצא לטיול ארוך לאורך הנהר.\n"
        "אחר כך נאכל ארוחת צהריים ונחזור הביתה לפני החשכה.\n"
        "סבתא אופה עוגות והילדים משחקים בחצר.",
    ),
    "Arabic": (
        "cp1256 iso8859_6",
        "سنقوم يوم الأحد بنزهة طويلة على ضفاف النهر.\n"
        "ثم نتناول الغداء ونعود إلى البيت قبل حلول الظلام.\n"
        "الجدة تخبز الكعك والأطفال يلعبون في الفناء.",
    ),
    "Thai": ("cp874", "วันอาทิตย์เราจะเดินเล่นริมแม่น้ำ\nจากนั้นเราจะกินข้าวกลางวันและกลับบ้านก่อนมืด\nคุณยายทำขนม ส่วนเด็กๆ เล่นอยู่ในสวน"),
    "English about Thai": (
        "cp874",
        "The word for water is น้ำ and the word for house is บ้าน in Thai.\n"
        "Rivers are called แม่น้ำ which means mother of water.\n"
        "Good night.",
    ),
    "Japanese": (
        "shift_jis euc_jp iso2022_jp",
        "日曜日には川沿いを長く散歩します。\n"
        "それから昼ご飯を食べて、暗くなる前に家に帰ります。\n"
        "おばあさんはケーキを焼いて、子供たちは庭で遊んでいます。",
    ),
    "Chinese": (
        "gb18030",
        "星期天我们要沿着河边散步很久。\n然后我们吃午饭，天黑之前回家。\n奶奶在烤蛋糕，孩子们在院子里玩耍。",
    ),
    "Chinese of Taiwan": (
        "big5",
        "星期天我們要沿著河邊散步很久。\n然後我們吃午飯，天黑之前回家。\n奶奶在烤蛋糕，孩子們在院子裡玩耍。",
    ),
    "Korean": (
        "euc_kr",
        "일요일에는 강을 따라 오래 산책할 것입니다.\n"
        "그런 다음 점심을 먹고 어두워지기 전에 집에 돌아옵니다.\n"
        "할머니는 케이크를 굽고 아이들은 마당에서 놉니다.",
    ),
}
OLDER = [(language, encoding) for language, (encodings, _) in LINES.items() for encoding in encodings.split()]
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize(("language", "encoding"), OLDER)
def test_three_lines_in_an_older_encoding_are_read(language: str, encoding: str) -> None:
    assert decoded(LINES[language][1].encode(encoding)) == LINES[language][1]


@pytest.mark.parametrize("language", LINES)
@pytest.mark.parametrize("encoding", WIDE)
def test_wide_characters_need_no_mark(language: str, encoding: str) -> None:
    text = LINES[language][1]
    assert decoded(text.encode(encoding)) == text
    assert decoded(f"\ufeff{text}".encode(encoding)) == text


@pytest.mark.parametrize("language", LINES)
def test_a_bad_byte_or_a_character_cut_off_leaves_utf8_what_it_is(language: str) -> None:
    text = f"{LINES[language][1]}\n" * 4
    assert decoded(text.encode() + b"caf\xe9\n" + text.encode()) == f"{text}caf\ufffd\n{text}"
    for sign in "ß漢🙂":
        for length in range(1, len(sign.encode())):
            assert decoded(text.encode() + sign.encode()[:length]) == text, "as of a log that is being written"
    assert decoded("Fünf Gräser, zwölf Öfen.".encode()[:-5]) == "Fünf Gräser, zwölf "
    assert decoded("Fünf Gräser, zwölf Öfen, ein Café".encode("latin-1")) == "Fünf Gräser, zwölf Öfen, ein Café"


@pytest.mark.parametrize(
    "text", ["A café.", "30 m³, 40 m³, 50 m³, 60 m³", "5 ± 1, 6 ± 2, 7 ± 1, 9 ± 3", "½ cup, ¼ spoon, ¾ pint, ½ more", "Mr. Þórðarson",
             "It’s “so” – isn’t it…", "Señor Núñez", "GRÖSSE ÜBERALL ÄNDERN"],
)  # fmt: skip
def test_few_signs_are_western(text: str) -> None:
    assert decoded(text.encode("cp1252")) == text


def test_what_comes_late_in_a_long_file_is_looked_at() -> None:
    text = "Nothing of note.\n" * 20_000 + LINES["Polish"][1]
    assert decoded(text.encode("cp1250")) == text


def test_a_python_file_is_read_as_it_declares(tmp_path: Path) -> None:
    text = "#!/usr/bin/env python\n# -*- coding: {} -*-\nname = 'ключ'\n"
    for encoding in ("cp1251", "koi8-r", "cp866", "mac-cyrillic", "utf-8", "no-such-thing"):
        declared = text.format(encoding)
        (path := tmp_path / "kiln.py").write_bytes(declared.encode("utf-8" if "no" in encoding else encoding))
        (section,) = sections(path)
        assert section.text == declared


@given(st.text())
def test_utf8_is_never_guessed(text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    try:
        assert decoded(text.encode()) in (lines, lines.removeprefix("\ufeff"))
    except Binary:
        assert sum(character < " " for character in text)


@given(st.binary(), st.sampled_from([b"", *(mark for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, b"\x1b$B"))]))
def test_any_bytes_are_a_text_or_none(data: bytes, mark: bytes) -> None:
    try:
        decoded(mark + data).encode()
    except Binary:
        pass
