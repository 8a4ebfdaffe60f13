from gateway.cli.tables import printable, table


def test_columns_are_as_wide_as_their_widest_cell_and_numbers_stand_to_the_right() -> None:
    lines = list(table(("NAME", "NUMBER"), [("a", "7"), ("longer", "1,000,000")], right_from=1))

    assert lines == ["NAME       NUMBER", "a               7", "longer  1,000,000"]


def test_a_table_without_rows_is_its_headings() -> None:
    assert list(table(("NAME", "NUMBER"), [], right_from=1)) == ["NAME  NUMBER"]


def test_text_cannot_write_on_the_terminal_nor_go_on_without_end() -> None:
    assert printable("\x1b[2J" + "a" * 10, 6) == "?[2Ja…"
    assert printable("aaaaaa", 6) == "aaaaaa"
