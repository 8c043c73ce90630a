"""What checks may name: languages that people write, dialects of SQL, and languages of code.

Data only, so that a file is validated without loading the libraries that judge answers.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CODE", "CODE_NAMES", "DIALECTS", "LANGUAGES", "Parser"]

# Codes of the languages that the detector tells apart (py3langid 0.4), those aside that it takes for a larger one.
_LANGUAGES = """
    ace af am an ar ary arz as az ba bcl be bg bn br bs ca crh cs cy da de dz el en eo es et eu fa fi fo fr fuv fy ga
    gcf gcr gd gl gom grc gu gug guw ha hbo he hi hr ht hu hy id ig is it ja jv ka kab kik kk km kn ko ku ky la lb lg ln
    lo lt ltg lv mg mk ml mn mr ms mt my ne nl no nso om or pa pcm pl ps pt qu ro ru rw sa sdh se si sk sl sn so sq sr
    st sv sw ta te tg th tk tl tr tt ug uk ur uz uzs vec vi vo wa xh yo zh zu
"""

# Those that sqlglot reads and that are SQL.
_DIALECTS = """
    athena bigquery clickhouse databricks doris dremio drill druid duckdb exasol fabric hive materialize mysql oracle
    postgres presto redshift risingwave snowflake spark sqlite starrocks teradata trino tsql
"""

LANGUAGES, DIALECTS = frozenset(_LANGUAGES.split()), frozenset(_DIALECTS.split())


class Parser(NamedTuple):
    """`labels` are what models write behind a fence; `module` and `function` name a tree-sitter grammar. Without a
    module, Python's standard library reads the language."""

    name: str
    labels: tuple[str, ...]
    module: str = ""
    function: str = "language"
    with_tags: str = ""


# HTML is not among them, since every text is valid HTML, and YAML is not, since every line of prose is a YAML text.
CODE = {
    "python": Parser("Python", ("python", "py", "python3")),
    "json": Parser("JSON", ("json",)),
    "javascript": Parser("JavaScript", ("javascript", "js", "jsx", "mjs", "node"), "tree_sitter_javascript"),
    "typescript": Parser("TypeScript", ("typescript", "ts"), "tree_sitter_typescript", "language_typescript"),
    "tsx": Parser("TSX", ("tsx", "typescript", "ts"), "tree_sitter_typescript", "language_tsx"),
    "java": Parser("Java", ("java",), "tree_sitter_java"),
    "go": Parser("Go", ("go", "golang"), "tree_sitter_go"),
    "rust": Parser("Rust", ("rust", "rs"), "tree_sitter_rust"),
    "c": Parser("C", ("c", "h"), "tree_sitter_c"),
    "cpp": Parser("C++", ("cpp", "c++", "cc", "cxx", "hpp"), "tree_sitter_cpp"),
    "csharp": Parser("C#", ("csharp", "cs", "c#"), "tree_sitter_c_sharp"),
    "bash": Parser("Bash", ("bash", "sh", "shell", "zsh", "console"), "tree_sitter_bash"),
    "css": Parser("CSS", ("css",), "tree_sitter_css"),
    "php": Parser("PHP", ("php",), "tree_sitter_php", "language_php_only", "language_php"),
    "ruby": Parser("Ruby", ("ruby", "rb"), "tree_sitter_ruby"),
}

# Other ways to write a language in a check.
CODE_NAMES = {name: name for name in CODE} | {
    label: name for name, parser in CODE.items() if name != "tsx" for label in parser.labels
}
