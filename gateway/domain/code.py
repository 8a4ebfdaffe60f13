"""Whether a text holds code, and in which language."""

import re
from collections.abc import Mapping
from typing import Literal

# fmt: off
CodeLanguage = Literal[
    "", "python", "javascript", "typescript", "java", "csharp", "c", "cpp", "go", "rust", "sql", "shell", "html", "css",
    "json", "yaml", "ruby", "php", "kotlin", "swift", "other",
]
# fmt: on
"""Empty where there is no code; `other` where it cannot be told."""

_CODE_WORD = r"[^\S\n]*(?:def|class|import|from|func|fn|public|private|const|let|var|SELECT|CREATE|INSERT)\s+\w"
_CODE_START = re.compile(_CODE_WORD)
_CODE_LINE = re.compile(rf"\n{_CODE_WORD}")
_CODE_LINE_END = re.compile(r"[;{}][^\S\n]*(?:\n|\Z)")

_FENCE = re.compile(r"```[ \t]*([A-Za-z][\w+#.-]{0,19})(?=[^\n`]{0,100}\n)")
_SPELLINGS: Mapping[CodeLanguage, str] = {
    "python": "python py python3 py3 ipython pycon",
    "javascript": "javascript js jsx mjs cjs node",
    "typescript": "typescript ts tsx",
    "java": "java",
    "csharp": "csharp c# cs",
    "c": "c h",
    "cpp": "cpp c++ cc cxx hpp",
    "go": "go golang",
    "rust": "rust rs",
    "sql": "sql mysql pgsql postgres postgresql plpgsql plsql tsql sqlite",
    "shell": "shell sh bash zsh fish shell-session",
    "html": "html htm xhtml vue svelte",
    "css": "css scss sass less",
    "json": "json jsonc json5 jsonl",
    "yaml": "yaml yml",
    "ruby": "ruby rb",
    "php": "php",
    "kotlin": "kotlin kt kts",
    "swift": "swift",
    "": "text txt plain plaintext console output log diff patch",
}
"""How fences name each language; the last ones name none, so that marks must tell."""
_NAMED: Mapping[str, CodeLanguage] = {
    spelling: language for language, spellings in _SPELLINGS.items() for spelling in spellings.split()
}


_CODE_CHARS = 1_000
_LEAST_SCORE = 3
_WORDS: Mapping[CodeLanguage, str] = {
    "python": "def:2 elif:4 self:2 None:3 import from except:2 print True False __init__:4 numpy:3 pandas:3 raise "
    "isinstance:3 kwargs:3 lambda str pytest:3 dict not yield np:2",
    "javascript": "const:2 let function:2 var console:3 require document:2 undefined:2 await async exports:2 export "
    "import useState:3 JSON typeof:2 Promise:2 null addEventListener:3 interface string number:2 boolean readonly",
    "java": "public private System String:2 static void final:2 extends implements:3 Override:3 throws:2 out:2 List "
    "ArrayList:3 HashMap:2 boolean class import int null Integer:2 util:2 new Autowired:4 return",
    "csharp": "using:3 namespace:3 public private Console:2 WriteLine:4 get set string var async await Task:3 "
    "static void class IEnumerable:4 foreach:2 override internal:2 int decimal:2 null new readonly return",
    "c": "include:3 stdio:3 int char:2 printf:3 malloc:4 struct void NULL:2 sizeof:3 main define:2 typedef:3 "
    "unsigned:2 std:4 cout:3 vector:2 template:2 nullptr:4 iostream:4 auto size_t:3 const constexpr:4 virtual "
    "namespace return",
    "go": "func:2 package:2 fmt:4 err:2 nil defer:4 chan:4 type struct range make string error int interface",
    "rust": "fn:4 mut:4 impl:4 println:2 let pub:3 Vec:3 unwrap:3 struct match Option:2 Some:2 Ok:2 usize:4 i32:4 "
    "u8:3 u32:4 u64:4 f64:4 trait:3 crate:3 str use derive:3",
    "sql": "SELECT:4 FROM:2 WHERE:2 INSERT:3 INTO:2 CREATE:2 TABLE:3 JOIN:3 GROUP ORDER VALUES:2 UPDATE:2 SET "
    "PRIMARY:2 VARCHAR:3 NOT BY ALTER:2 DELETE:2 select:3 from where join:2 varchar:3",
    "shell": "echo:3 sudo:4 fi:4 then esac:4 done grep:3 awk:3 sed:2 bash:3 curl:3 chmod:3 cd:2 mkdir:3 rm:2 apt:2 "
    "export docker",
    "html": "div:3 html:3 span:2 href:3 DOCTYPE:4 ul li:2 body head script",
    "css": "px:2 color:2 margin:2 padding:2 display font background:2 border media flex:2 width rem",
    "ruby": "end:3 def puts:4 do each:2 require attr_accessor:4 attr_reader:4 nil module elsif:4 unless:2 initialize:3",
    "php": "php:3 echo:2 function array foreach public",
    "kotlin": "fun:4 val:3 println:2 data override:2 when:2 listOf:4 mapOf:4 suspend:4 companion:4 var Int:2 String "
    "private",
    "swift": "func:2 let:2 guard:4 var nil:2 UIKit:5 SwiftUI:5 Foundation:4 struct Int:2 String Bool:2 View:2 "
    "extension:3 init:2",
}
"""Words, and what each says for its language where that is more than 1."""
_SIGNS: tuple[tuple[str, CodeLanguage, int], ...] = (
    ("):\n", "python", 3),
    ("=> ", "javascript", 1),
    ("===", "javascript", 3),
    ("#include", "c", 3),
    ("std::", "c", 3),
    (":= ", "go", 3),
    ("&mut ", "rust", 3),
    ("!(", "rust", 2),
    ("#!/", "shell", 5),
    ("</", "html", 5),
    ("<?php", "php", 9),
    ("$this->", "php", 5),
    ("= $", "php", 2),
    ("*/", "c", 1),
)
_WORD = re.compile(r"\w+")
_ASCII_WORDS = "".join(chr(point) if _WORD.match(chr(point)) else " " for point in range(128))
_JSON = re.compile(r'\s*[\[{]\s*(?:[\[{]\s*)*(?:"[^"\n]{0,200}"\s*[:,\]]|[\]}])')
_YAML = re.compile(r"\n *(?:- )?[A-Za-z_][\w.-]{0,60}:(?: [^\n]{0,200})?\n *(?:- )?[\w\"'-]")
_TYPESCRIPT = re.compile(
    r"\??: ?(?:string|number|boolean|void|any|unknown|Promise<|Record<)|interface \w+ \{|\btype \w+ = "
)
_CPP = re.compile(r"std::|\bcout\b|\bnullptr\b|\btemplate\s*<|#include <\w+>|\bclass \w")
_REFINED: Mapping[CodeLanguage, tuple[re.Pattern[str], CodeLanguage]] = {
    "javascript": (_TYPESCRIPT, "typescript"),
    "c": (_CPP, "cpp"),
}
"""Language → what shows that it is the larger language built on it."""


def _scores() -> Mapping[str, tuple[tuple[CodeLanguage, int], ...]]:
    scores: dict[str, list[tuple[CodeLanguage, int]]] = {}
    for language, entries in _WORDS.items():
        for entry in entries.split():
            word, _, score = entry.partition(":")
            scores.setdefault(word, []).append((language, int(score or 1)))
    return {word: tuple(said) for word, said in scores.items()}


_SCORES = _scores()
_SCORED = frozenset(_SCORES)


def has_code(view: str) -> bool:
    return _code_at(view) >= 0


def code_language(view: str) -> CodeLanguage:
    """The language of a text's code: what its fence says, else what its words do; empty where there is no code."""
    at = _code_at(view)
    if at < 0:
        return ""
    fence_at = view.find("```")
    if fence_at >= 0:
        for fence in _FENCE.finditer(view, fence_at):
            if named := _NAMED.get(fence[1].lower(), "other"):
                return named
        code = view[fence_at + 3 : fence_at + 3 + _CODE_CHARS]
    else:
        code = view[max(0, at - _CODE_CHARS // 2) : at + _CODE_CHARS // 2]
    return _told_by_marks(code)


def _code_at(view: str) -> int:  # noqa: PLR0911 - one return for each sign
    """Where the first sign of code was found, -1 where there is none.

    Patterns that begin with a literal or a class, one at a time: a joint alternation costs ten times as much. A
    character is found at memory speed, so it is looked for before the mark that holds it.
    """
    if _CODE_START.match(view):
        return 0
    if "\n" in view and (line := _CODE_LINE.search(view)):
        return line.start()
    if "`" in view and (at := view.find("```")) >= 0:
        return at
    if "=" in view and (at := view.find("=>")) >= 0:
        return at
    if ":" in view and (at := view.find("::")) >= 0:
        return at
    if (";" in view or "{" in view or "}" in view) and (end := _CODE_LINE_END.search(view)):
        return end.start()
    return -1


def _told_by_marks(code: str) -> CodeLanguage:
    if _JSON.match(code):
        return "json"
    if "(" not in code and "{" not in code and _YAML.search(code):
        return "yaml"
    sums: dict[CodeLanguage, int] = {}
    words = code.translate(_ASCII_WORDS).split() if code.isascii() else _WORD.findall(code)
    for word in _SCORED.intersection(words):
        for language, score in _SCORES[word]:
            sums[language] = sums.get(language, 0) + score
    for sign, language, score in _SIGNS:
        if sign in code:
            sums[language] = sums.get(language, 0) + score
    best = max(_WORDS, key=lambda language: sums.get(language, 0))
    if sums.get(best, 0) < _LEAST_SCORE:
        return "other"
    if (refined := _REFINED.get(best)) and refined[0].search(code):
        return refined[1]
    return best
