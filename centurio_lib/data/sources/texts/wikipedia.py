"""Paragraphs of Wikipedia in each of the 100 languages, for documents at the paper's scale (its appendix B.3).

`wikimedia/wikipedia` on the hub holds the dump of November 2023 as plain text in columns id, url, title, text. Only the
parts of a language's first file that hold its first articles are fetched.
"""

import unicodedata
from functools import cache
from itertools import islice

import pyarrow.parquet as pq

from centurio_lib.data.hub import hub
from centurio_lib.data.hub.convert import SourceError
from centurio_lib.data.source import Source
from centurio_lib.languages import language

SOURCE = Source(name="wikipedia", kind="running text", origin="Wikipedia", licence="CC-BY-SA-3.0 and GFDL",
                use="articles")
REPO, REVISION, DUMP = "wikimedia/wikipedia", "b04c8d1ceb2f5cd4588862100d08de323dccfbaa", "20231101"
NAMES = {"ar-eg": "arz"}  # Wikipedias that are not named by our code
SHORTEST = 40  # characters of a paragraph: shorter lines are headings and items of lists
BATCH = 100  # articles


@cache
def paragraphs(code: str, articles: int = 0) -> list[str]:
    """Paragraphs of a language's first articles, white space folded; none are fetched for 0 articles.

    Raises hub.HubError, convert.SourceError.
    """
    if not articles:
        return []
    name = NAMES.get(language(code).code, code)
    files = hub.listing(f"wikipedia-{code}", REPO, REVISION, [f"{DUMP}.{name}/train-00000-of-*.parquet"],
                        SOURCE.licence)
    try:
        path = hub.first_rows(files, ["text"], articles)
    except KeyError as error:
        raise SourceError(f"{error.args[0]}: pin the dump of {REPO}") from error
    file = pq.ParquetFile(path)
    if "text" not in file.schema_arrow.names:
        raise SourceError(f"{path} lacks the column 'text'; it has {file.schema_arrow.names}: pin the dump of {REPO}")
    texts = (text for batch in file.iter_batches(BATCH, columns=["text"]) for text in batch["text"].to_pylist())
    lines = (" ".join(line.split()) for text in islice(texts, articles) for line in text.split("\n"))
    return [line for line in lines if len(line) >= SHORTEST and _printable(line)]


def covers(code: str, articles: int = 0) -> bool:
    """Say whether the profile uses articles, since each of the 100 languages has a Wikipedia."""
    return articles > 0


def _printable(line: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Cn") for character in line)
