"""Index page of a folder of figures, with files and provenance; it works without network."""

import os
from html import escape
from pathlib import Path
from urllib.parse import quote

from centurio_lib import storage

STYLE = """body{font:15px/1.4 sans-serif;margin:2em auto;max-width:60em;padding:0 1em}
figure{margin:2em 0;border-top:1px solid #ccc;padding-top:1em}img{max-width:100%}
figcaption{font-size:13px;color:#444}code{font-size:12px}"""
# what the page may load: pictures beside it; it runs no script
POLICY = "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def write(folder: Path, title: str, also: dict[str, Path] | None = None) -> Path:
    """Write index.html into a folder of figures. `also`: text and file of further pages, which it links to.

    Raises FileNotFoundError where the folder holds no figure.
    """
    records = sorted(folder.glob("*.json"))
    if not records:
        raise FileNotFoundError(f"{folder} holds no figure: `make figures` draws those of a profile")
    links = " · ".join(f'<a href="{quote(os.path.relpath(page, folder))}">{escape(text)}</a>'
                       for text, page in (also or {}).items())
    body = "\n".join(_figure(folder, record) for record in records)
    return storage.write_text(folder / "index.html", f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title><style>{STYLE}</style>
<h1>{escape(title)}</h1>
<p>{len(records)} figures. {links}</p>
{body}
</html>
""")


def _figure(folder: Path, record: Path) -> str:
    """One figure: picture, files, notebook and key."""
    name, stated = record.stem, storage.read_json(record)
    files = [path.name for path in sorted(folder.glob(f"{name}.*"))]
    links = " · ".join(f'<a href="{quote(file)}">{escape(file)}</a>' for file in files)
    seeds = stated["params"].get("seeds")
    return (f'<figure id="{escape(name)}"><img src="{quote(name)}.png" alt="{escape(name)}" loading="lazy">'
            f"<figcaption><b>{escape(name)}</b>: {links}<br>notebook <code>{escape(stated['notebook'])}</code>, "
            f"key <code>{escape(stated['key'][:12])}</code>, {len(stated['inputs'])} input files"
            + (f", {escape(str(seeds))} seed(s)" if seeds else "") + "</figcaption></figure>")
