"""A page that shows every figure of a folder, its files and where it came from. Works from file, without network."""

from html import escape
from pathlib import Path

from centurio_lib import paths, storage
from centurio_lib.findings import table_formats

STYLE = """body{font:15px/1.4 sans-serif;margin:2em auto;max-width:60em;padding:0 1em}
figure{margin:2em 0;border-top:1px solid #ccc;padding-top:1em}img{max-width:100%}
figcaption{font-size:13px;color:#444}code{font-size:12px}"""


def write(profile: str, title: str, also: dict[str, str] | None = None) -> Path:
    """Write figures/<profile>/index.html. `also`: text and relative address of further pages.

    Raises FileNotFoundError where the folder holds no figure.
    """
    folder = paths.figures(profile)
    records = sorted(folder.glob("*.json"))
    if not records:
        raise FileNotFoundError(f"{folder} holds no figure: `make figures PROFILE={profile}` draws them")
    links = " · ".join(f'<a href="{escape(where)}">{escape(text)}</a>' for text, where in (also or {}).items())
    body = "\n".join(_figure(folder, record) for record in records)
    return table_formats.write(folder / "index.html", f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>
<h1>{escape(title)}</h1>
<p>{len(records)} figures. {links}</p>
{body}
</html>
""")


def _figure(folder: Path, record: Path) -> str:
    """One figure: picture, files, notebook and key."""
    name, made = record.stem, storage.read_json(record)
    files = [path.name for path in sorted(folder.glob(f"{name}.*"))]
    links = " · ".join(f'<a href="{escape(file)}">{escape(file)}</a>' for file in files)
    seeds = made["params"].get("seeds")
    return (f'<figure id="{escape(name)}"><img src="{escape(name)}.png" alt="{escape(name)}" loading="lazy">'
            f"<figcaption><b>{escape(name)}</b>: {links}<br>notebook <code>{escape(made['notebook'])}</code>, "
            f"key <code>{made['key'][:12]}</code>, {len(made['inputs'])} input files"
            + (f", {seeds} seed(s)" if seeds else "") + "</figcaption></figure>")
