"""What is sent of a change leads a terminal to the same picture as all that was drawn would have."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.line.sheet import Sheet, difference
from tui.line.styles import PLAIN, Look, look_of, way

COLUMNS, ROWS = 24, 6
LOOKS = ("0", "1", "38;2;1;2;3", "48;2;9;9;9", "38;5;7", "31", "97;44", "7", "3;4", "0;38;2;200;0;0;48;2;0;0;9", "22;24;27", "39;49", "9;53")  # fmt: skip


def written(y: int, x: int, look: str, text: str) -> str:
    """A run of text that has room: Textual writes nothing beyond the edge."""
    return f"\x1b[{y};{x}H\x1b[{look}m{text[: COLUMNS - x + 1]}"


JOINED = "日本語 👩\u200d👩\u200d👧 ❤\ufe0f é שלום"
texts = st.text(alphabet="ab   ─█é", min_size=1, max_size=12)
runs = st.builds(written, st.integers(1, ROWS), st.integers(1, COLUMNS), st.sampled_from(LOOKS), texts)
frames = st.lists(st.lists(runs, max_size=6).map("".join), min_size=1, max_size=6)


def screen() -> tuple[pyte.Screen, pyte.Stream]:
    made = pyte.Screen(COLUMNS, ROWS)
    made.reset_mode(7, private=True)  # no wrapping at the right edge, as Textual sets it
    return made, pyte.Stream(made)


def picture(shown: pyte.Screen) -> list[list[tuple[object, ...]]]:
    """Every cell; of a blank one, only what is seen of it."""

    def seen(cell: pyte.screens.Char) -> tuple[object, ...]:
        marked = cell.underscore or cell.reverse or cell.strikethrough
        return tuple(cell) if cell.data != " " or marked else (" ", cell.bg)

    return [[seen(shown.buffer[y][x]) for x in range(COLUMNS)] for y in range(ROWS)]


class Sent:
    """A terminal that is sent differences only."""

    def __init__(self) -> None:
        self.wanted, self.sent = Sheet(COLUMNS, ROWS), Sheet(COLUMNS, ROWS, known=False)
        self.touched = set(range(ROWS))
        self.look: Look | None = None
        self.screen, self.stream = screen()

    def frame(self, data: str) -> str:
        self.wanted.put(data, self.touched)
        sent, self.look = difference(self.sent, self.wanted, self.touched, self.look)
        self.touched.clear()
        self.stream.feed(sent)
        return sent


@given(frames)
def test_the_difference_shows_what_was_drawn(drawn: list[str]) -> None:
    whole, stream = screen()
    sent = Sent()
    for data in drawn:
        stream.feed(data)
        sent.frame(data)
        assert picture(sent.screen) == picture(whole)


@given(frames)
def test_what_is_drawn_again_is_not_sent(drawn: list[str]) -> None:
    sent = Sent()
    sent.frame("".join(drawn) + "\x1b[0m")
    rows = [f"\x1b[{y + 1};1H" for y in range(ROWS)]
    again = "".join(
        move + "".join(way(PLAIN, look) + character + "\x1b[0m" for character, look in zip(*line, strict=True))
        for move, *line in zip(rows, sent.wanted.characters, sent.wanted.looks, strict=True)
    )
    assert sent.frame(again) == ""


@given(st.lists(st.sampled_from(LOOKS), min_size=1, max_size=8))
def test_every_look_is_led_to(parameters: list[str]) -> None:
    look: Look | None = None
    for each in parameters:
        wanted = look_of(each, look or PLAIN)
        led = way(look, wanted)
        assert look_of(
            led[2:-1] if led else "", PLAIN if look is None or led.startswith("\x1b[0") else look
        ) == wanted or (not led and wanted == look)
        look = wanted


def test_what_is_not_of_the_picture_comes_back() -> None:
    sheet = Sheet(COLUMNS, ROWS)
    rest = sheet.put("\x1b[?1049h\x1b[2;3Hab\x1b]0;title\x07\x07\x1b[>25u\x1b]52;c;aGk=\x1b\\cd", set())
    assert rest == "\x1b[?1049h\x1b]0;title\x07\x07\x1b[>25u\x1b]52;c;aGk=\x1b\\"
    assert "".join(sheet.characters[1])[:8] == "  abcd  "


def test_wide_characters_stand_whole_or_not_at_all() -> None:
    sheet = Sheet(8, 1)
    sheet.put("\x1b[1;1H漢字ab", set())
    assert sheet.characters[0] == ["漢", "", "字", "", "a", "b", " ", " "]
    sheet.put("\x1b[1;2Hx\x1b[1;8H漢", set())
    assert sheet.characters[0] == [" ", "x", "字", "", "a", "b", " ", " "], "half a character is none"
    sheet.put("\x1b[1;6He\u0301", set())
    assert sheet.characters[0][5] == "e\u0301"
    sheet.put("\x1b[1;1H字字", set())
    assert sheet.resized(3, 1).characters[0] == ["字", "", " "]


def test_behind_a_character_of_unsure_width_the_next_cell_is_gone_to() -> None:
    sent = Sent()
    data = sent.frame("\x1b[1;1Hok ❤️ fine")
    assert "  \x1b[1;4H❤️\x1b[1;6H" in data or " \x1b[1;4H❤️\x1b[1;5H" in data


def test_a_key_in_the_prompt_costs_a_few_bytes() -> None:
    sent = Sent()
    frame = "\x1b[5;1H\x1b[38;2;1;1;1m│\x1b[0m\x1b[38;2;9;9;9m{:<22}\x1b[0m\x1b[38;2;1;1;1m│\x1b[0m"
    sent.frame(frame.format("Hello worl"))
    assert len(sent.frame(frame.format("Hello world"))) <= 32


@pytest.mark.parametrize("size", [(10, 3), (40, 12)])
def test_another_size_keeps_what_there_is_room_for(size: tuple[int, int]) -> None:
    sheet = Sheet(COLUMNS, ROWS)
    sheet.put("\x1b[1;1Habcdefghijklmnop", set())
    other = sheet.resized(*size)
    assert "".join(other.characters[0]).startswith("abcdefghij") and len(other.characters) == size[1]
    assert all(len(row) == size[0] for row in other.characters)


def test_what_is_joined_takes_the_room_that_it_was_given() -> None:
    """A row is as long as it was laid out, so that its end is there, whatever a terminal makes of a family of emoji: pyte
    draws it in six cells, others in two."""
    text = JOINED[: COLUMNS - 3]
    row = f"{text}{' ' * (COLUMNS - cell_len(text) - 3)}end"
    assert cell_len(row) == COLUMNS
    shown = Sent()
    shown.frame(f"\x1b[1;1H{row}")
    assert "".join(shown.wanted.characters[0]) == row
    assert "".join(shown.screen.buffer[0][x].data for x in range(COLUMNS - 3, COLUMNS)) == "end"
    shown.frame("\x1b[1;1H日本x")
    assert "".join(shown.screen.buffer[0][x].data for x in range(COLUMNS - 3, COLUMNS)) == "end"


@given(st.lists(st.sampled_from([*JOINED, "👩\u200d👧", "❤\ufe0f", "\u200d", "\ufe0f", "a"]), max_size=20).map("".join))
def test_rows_are_as_long_as_they_are_laid_out(text: str) -> None:
    sheet = Sheet(80, 1)
    sheet.put(f"\x1b[1;1H{text}", set())
    assert sheet.cursor.column == cell_len(text)
