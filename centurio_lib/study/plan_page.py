"""The plan of a profile, printed before anything is fetched: `make plan PROFILE=one-gpu`.

It says what is fetched and under which licences, the disk and GPU memory wanted and free, the hours of each question
and the number of runs. Then it says what does not fit, and the change that would. It needs no GPU and no network.
"""

import argparse
import os

from centurio_lib import params, paths
from centurio_lib.model import cards, memory
from centurio_lib.study import checks, plan, plan_fetch, plan_hours, plan_needs, stages

SHOWN = ["RTX 4090", "A100", "H100", "L4"]  # cards that hours are told for where none is at hand
LICENCE = 44  # characters of a licence in the table
ORDER = ["model", "data", "images", "text", "benchmark"]


def page(profile: params.Profile, card: str | None = None, ask: bool = True) -> str:
    """The whole plan as text. `card`: a name of params/gpus.yaml; None: the card at hand, or several."""
    found = plan_fetch.items(plan_fetch.wanted(profile), ask)
    gpu = cards.at_hand()
    problems: list[str] = []
    parts = [[f"Plan of profile {profile.name}: {profile.about}"], fetched(profile, found, problems)]
    if profile.base.dtype != "bfloat16":
        parts.append([f"Trains on the CPU: {plan.spoken(minutes(profile))}"])
    elif why := unknown(profile):
        parts.append([f"Disk, memory and hours: unknown: {why}"])
    else:
        parts += [disk(profile, found, problems), graphics(profile, gpu, card, problems), hours(profile, gpu, card)]
    parts.append(runs(profile))
    parts.append(["What does not fit, or waits for you:", *(f"  - {one}" for one in problems)] if problems
                 else ["All that could be checked fits."])
    return "\n\n".join("\n".join(lines) for lines in parts)


def unknown(profile: params.Profile) -> str:
    """Say why the shapes of a profile's base models are not known; "" where they are."""
    named = (profile.base.language_model, profile.base.vision)
    if unbuilt := [name for name in named if name.startswith("data/") and not paths.model(name)]:
        return f"notebook 07 has not built {' and '.join(unbuilt)} yet"
    try:
        memory.shapes(*named)
    except memory.MemoryShortage as error:
        return str(error)
    return ""


def minutes(profile: params.Profile) -> float | None:
    """Minutes of a whole study by the time of its stages so far; None where one has not run yet."""
    setups = params.studied(profile)
    pretrained = [name for name in setups if not params.without_pretraining(params.setup(name))]
    each = {"pretrain": len(pretrained), "instruct": len(setups), "evaluate": len(setups)}
    jobs = [plan.Job(stage, paths.HOME) for stage, n in each.items() for _ in range(n * profile.study.seeds)]
    once = [*plan.data_stages(profile), "base_models", *stages.findings(profile)]
    jobs += [plan.Job(stage, paths.HOME) for stage in once]
    return plan.minutes(jobs, plan.stage_seconds(profile.name), max(1, (os.cpu_count() or 1) // profile.threads))


def fetched(profile: params.Profile, found: list[plan_fetch.Item], problems: list[str]) -> list[str]:
    """Lines on what is fetched."""
    rows = [(one.wanted.kind, one.wanted.name, one.files, number(one.gb), shortened(one.wanted.licence), one.access)
            for one in sorted(found, key=lambda one: ORDER.index(one.wanted.kind))]
    left = [one for one in plan_fetch.to_fetch(found).values() if one.access != plan_fetch.HERE]
    unsized = sum(one.gb is None for one in left)
    total = sum(one.gb or 0 for one in left)
    problems += [waiting for one in found if (waiting := _waits(one))]
    head = f"To fetch: about {total:.1f} GB" + (f", and {unsized} of unknown size" if unsized else "")
    lines = plan_fetch.packaged(profile)
    return [head if found else "To fetch: nothing of the hub", *(f"  {line}" for line in lines),
            *(table([("kind", "name", "files", "GB", "licence", "access"), *rows]) if rows else [])]


def _waits(item: plan_fetch.Item) -> str:
    """Say what a thing waits for; "" where it waits for nothing."""
    one, note = item.wanted, plan_fetch.sizes.of(item.wanted.kind, item.wanted.name).note
    if item.access == plan_fetch.HERE:
        return ""
    if one.steps:
        return f"{one.kind} {one.name} is put there by hand: {one.steps} (licence: {one.licence})"
    if note:
        return f"{one.kind} {one.name}: {note}"
    fine = (plan_fetch.OPEN, plan_fetch.PARTLY, plan_fetch.NO_NETWORK, plan_fetch.NOT_ASKED)
    return "" if item.access.startswith(fine) else f"{one.kind} {one.name}: {item.access}"


def disk(profile: params.Profile, found: list[plan_fetch.Item], problems: list[str]) -> list[str]:
    """Lines on disk: of each part, and of each disk."""
    parts = plan_needs.spaces(profile, found)
    lines = ["Disk:", *table([("part", "GB"), *((one.part, number(one.gb)) for one in parts)])]
    for folder, wanted, free in plan_needs.disks(parts):
        lines.append(f"  on the disk of {folder}: {wanted:.0f} GB wanted, {free:.0f} GB free")
        if wanted > free:
            problems.append(f"disk of {folder}: {wanted - free:.0f} GB are lacking: set CENTURIO_HOME, "
                            "CENTURIO_DATASETS or HF_HOME to a larger disk, or take less in data.sources "
                            "(keep_files: false, a smaller max_image_size, fewer samples)")
    return lines


def graphics(profile: params.Profile, gpu: cards.Gpu | None, card: str | None, problems: list[str]) -> list[str]:
    """Lines on GPU memory."""
    chosen = cards.known()[card].gib if card else None
    room = chosen or (gpu.free if gpu else None)
    stages = plan_needs.loads(profile, room or float("inf"))
    said = (f"a {card} has {chosen:.0f} GiB" if card else
            f"{gpu.name}: {gpu.free:.1f} of {gpu.total:.1f} GiB free" if gpu else "no GPU at hand")
    rows = [(one.stage, f"{len(one.setups)} setups" if one.setups else "", f"{one.gib:.1f}",
             "" if room is None else "does not fit" if one.gib > room else "fits") for one in stages]
    problems += [f"GPU memory of {one.stage} ({listed(one.setups)}): {one.gib:.1f} GiB wanted, {room:.1f} free: "
                 f"{one.advice}" for one in stages if room and one.gib > room]
    return [f"GPU memory ({said}):", *table([("stage", "of", "GiB", ""), *rows])]


def hours(profile: params.Profile, gpu: cards.Gpu | None, card: str | None) -> list[str]:
    """Lines on hours by question, for one card or several."""
    like = cards.like(gpu.name) if gpu else None
    if gpu and not like and not card:
        return [f"Hours: unknown: {gpu.name} is not in {cards.PATH}: add its speed there, or name a card: "
                f"make plan PROFILE={profile.name} CARD='RTX 4090'"]
    names = [card] if card else [like[0]] if like else SHOWN
    columns = [_column(profile, cards.known()[name]) for name in names]
    rows = [(name, *(f"{column[name]:.1f}" for column in columns)) for name in columns[0]]
    n = plan_hours.measured(profile, plan_hours.of_setups(profile, cards.known()[names[0]]))[1]
    source = f"corrected by {n} finished runs" if n else "predicted, none measured"
    return [f"Hours ({source}; {profile.study.seeds} seed{'s' * (profile.study.seeds > 1)}):",
            *table([("", *names), *rows])]


def _column(profile: params.Profile, card: cards.Card) -> dict[str, float]:
    """Hours of data, translation, questions and all on a card."""
    each = plan_hours.of_setups(profile, card)
    factor, _ = plan_hours.measured(profile, each)
    found = {"data": plan_hours.building_h(profile), "translation": plan_hours.translation_h(profile, card)}
    for question, names in plan_hours.by_question(profile).items():
        found[f"{question} ({len(names)} setups)"] = factor * profile.study.seeds * sum(each[one].all for one in names)
    return found | {"all": sum(found.values()), "days": sum(found.values()) / 24}


def runs(profile: params.Profile) -> list[str]:
    """Lines on the number of runs."""
    setups = [params.setup(name) for name in params.studied(profile)]
    seeds, pretrained = profile.study.seeds, sum(not params.without_pretraining(one) for one in setups)
    return [f"Runs: {len(setups)} setups with {seeds} seed{'s' * (seeds > 1)}: {pretrained * seeds} of pre-training, "
            f"{len(setups) * seeds} of instruction tuning, {len(setups) * seeds} of evaluation"]


def short(profile: params.Profile) -> str:
    """The plan in a line, without a question to the hub; "" for a profile that fetches nothing and wants no GPU."""
    if not profile.data.sources:
        return ""
    found = plan_fetch.items(plan_fetch.wanted(profile), ask=False)
    left = [one for one in plan_fetch.to_fetch(found).values() if one.access != plan_fetch.HERE]
    unsized, gb = sum(one.gb is None for one in left), sum(one.gb or 0 for one in left)
    said = [f"about {gb:.0f} GB to fetch" + (f" and {unsized} of unknown size" if unsized else "")]
    if not unknown(profile):
        said += _short_needs(profile, found)
    return f"plan: {', '.join(said)}; make plan PROFILE={profile.name} says more"


def _short_needs(profile: params.Profile, found: list[plan_fetch.Item]) -> list[str]:
    """Disk, GPU memory and hours, a few words each."""
    said = []
    for _, wanted, free in plan_needs.disks(plan_needs.spaces(profile, found)):
        said.append(f"{wanted:.0f} GB of disk ({free:.0f} free)")
    gpu = cards.at_hand()
    needed = max(one.gib for one in plan_needs.loads(profile, float("inf")))
    said.append(f"{needed:.0f} GiB of GPU memory" + (f" ({gpu.free:.0f} free)" if gpu else " (no GPU at hand)"))
    name, card = (cards.like(gpu.name) if gpu else None) or (SHOWN[0], cards.known()[SHOWN[0]])
    return [*said, f"{_column(profile, card)['all']:.0f} hours on a {name}"]


def listed(names: list[str]) -> str:
    """The first names of a list."""
    return ", ".join([*names[:4], *(["..."] if len(names) > 4 else [])])


def shortened(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= LICENCE else f"{text[:LICENCE - 3]}..."


def number(gb: float | None) -> str:
    """GB for a table."""
    return "unknown" if gb is None else f"{gb:.2f}" if gb < 10 else f"{gb:.0f}"


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows with their cells below each other, two blanks apart."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("profile")
    parser.add_argument("--card", choices=list(cards.known()), help="predict for this card, not the one at hand")
    stated = parser.parse_args()
    chosen = params.profile(stated.profile)
    checks.profile(chosen)
    print(page(chosen, stated.card))
