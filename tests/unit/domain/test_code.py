import pytest

from gateway.domain.code import code_language, has_code
from tests.cpu_time import cpu_s

PROSE = ["", "Hello; how are you?", "We import goods from Peru", "a class of its own", "a {curly} word", "\n" * 50]

SNIPPETS = {
    "python": [
        "def main(argv):\n    for arg in argv:\n        print(arg)\n    return None\n",
        "import numpy as np\nfrom pathlib import Path\n\nprint(np.mean([1, 2]))",
        "Why does this fail?\n\nclass Cart:\n    def __init__(self):\n        self.items = {}\n",
    ],
    "javascript": [
        "const total = items.reduce((sum, item) => sum + item.price, 0);\nconsole.log(total);",
        "function greet(name) {\n  if (name === undefined) return null;\n  document.title = name;\n}\n",
        "const express = require('express');\nmodule.exports = async (req, res) => {\n  await res.send(1);\n};\n",
    ],
    "typescript": [
        "interface User {\n  name: string;\n  age: number;\n}\n",
        "export const load = async (id: number): Promise<User> => {\n  return await get(id);\n};\n",
    ],
    "java": [
        'public class Main {\n  public static void main(String[] args) {\n    System.out.println("hi");\n  }\n}\n',
        "import java.util.List;\n\n@Override\npublic List<String> names() {\n  return new ArrayList<>();\n}\n",
    ],
    "csharp": [
        'using System;\nnamespace Shop;\npublic class Program {\n  void Main() { Console.WriteLine("hi"); }\n}\n',
        "public async Task<int> CountAsync() {\n  foreach (var row in rows) { n++; }\n  return n;\n}\n",
    ],
    "c": [
        '#include <stdio.h>\nint main(void) {\n  printf("%d", 1);\n  return 0;\n}\n',
        "struct node *push(struct node *head) {\n  struct node *n = malloc(8);\n  return n ? n : NULL;\n}\n",
    ],
    "cpp": [
        '#include <iostream>\nint main() {\n  std::cout << "hi";\n}\n',
        "std::vector",
        "template <typename T>\nclass Stack {\n  std::vector<T> items;\n};\n",
    ],
    "go": [
        'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("hi")\n}\n',
        "rows, err := db.Query(q)\nif err != nil {\n\treturn err\n}\ndefer rows.Close()\n",
    ],
    "rust": [
        'fn main() {\n    let mut x = vec![1];\n    println!("{:?}", x);\n}\n',
        "impl Iterator for Counter {\n    fn next(&mut self) -> Option<u32> {\n        None\n  }\n}\n",
    ],
    "sql": [
        "SELECT name, count(*) FROM users WHERE active GROUP BY name ORDER BY 2",
        "CREATE TABLE invoices (\n  id INTEGER PRIMARY KEY,\n  total NUMERIC NOT NULL\n);\n",
        "Make it faster:\nselect o.id from orders o join lines l on l.order_id = o.id where o.day > now();\n",
    ],
    "shell": [
        "```\nsudo apt-get install nginx\necho done\n```",
        "```\n#!/bin/sh\nfor f in *.log; do\n  grep ERROR $f\ndone\n```",
    ],
    "html": ["```\n<div class='card'><a href='/'>Home</a></div>\n```"],
    "css": [".card {\n  margin: 0 auto;\n  color: red;\n  padding: 4px;\n}\n"],
    "json": ['{\n  "name": "x",\n  "tags": ["a"]\n}\n', '```\n[{"id": 1}, {"id": 2}]\n```'],
    "yaml": ["```\nservices:\n  web:\n    image: nginx\n    ports:\n      - 80\n```"],
    "ruby": [
        "class Cart\n  attr_reader :items\n  def each\n    items.each do |item|\n      puts item\n    end\n  end\nend\n"
    ],
    "php": ["<?php\nfunction total($items) {\n  foreach ($items as $item) { echo $item; }\n}\n"],
    "kotlin": ["fun main() {\n    val names = listOf(1, 2)\n    println(names)\n}\n"],
    "swift": [
        "import SwiftUI\n\nstruct Card: View {\n    var title: String\n}\n",
        "func load() -> Int? {\n    guard let x = y else { return nil }\n    return x\n}\n",
    ],
    "other": ["Acme::Cart", "x => x + 1", "x = 1;", "```\nx\n```", "```\nfoo <- c(1, 2)\n```"],
}


@pytest.mark.parametrize("text", [text for texts in SNIPPETS.values() for text in texts])
def test_code_is_seen(text: str) -> None:
    assert has_code(text)


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_not_code_and_has_no_language(text: str) -> None:
    assert not has_code(text)
    assert code_language(text) == ""


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in SNIPPETS.items() for text in texts]
)
def test_the_language_is_told_by_its_words(language: str, text: str) -> None:
    assert code_language(text) == language


@pytest.mark.parametrize(
    ("fence", "language"),
    [
        ("py", "python"),
        ("Python", "python"),
        ("tsx", "typescript"),
        ("C++", "cpp"),
        ("c#", "csharp"),
        ("h", "c"),
        ("bash", "shell"),
        ("yml", "yaml"),
        ("json5", "json"),
        ("js title=app.js", "javascript"),
        ("haskell", "other"),
    ],
)
def test_what_a_fence_says_decides(fence: str, language: str) -> None:
    assert code_language(f"Explain:\n```{fence}\nSELECT 1 FROM users\n```") == language


def test_a_fence_that_names_no_language_leaves_it_to_the_words() -> None:
    assert code_language("```text\nSELECT 1 FROM users\n```") == "sql"
    assert code_language("The log:\n```text\nx\n```\nand the code:\n```go\nx\n```") == "go"


def test_words_inside_a_line_are_no_fence() -> None:
    assert code_language("use ```print``` here") == "other"


def test_words_far_from_the_code_do_not_count() -> None:
    story = "def elif None self SELECT FROM WHERE " * 100

    assert code_language(f"{story}\n```\nx\n```") == "other"


def test_the_language_of_code_among_foreign_words_is_told() -> None:
    assert code_language("Почему падает?\ndef главная():\n    print(None)\n") == "python"


@pytest.mark.parametrize(
    "unit", ["a", "```", "```a", "``` ", "[", "[ ", "{\n", "def ", "\ndef", "\n ", "a:\n", ": ", '"', ";\n", "<", "é"]
)
def test_the_time_taken_grows_with_the_length_not_its_square(unit: str) -> None:
    """The bound leaves room for a busy machine; a square would take minutes."""
    text = f"::\n{unit * 200_000}"

    assert cpu_s(lambda: code_language(text)) < 2.0
