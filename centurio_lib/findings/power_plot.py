"""Figure of notebook 40: how wide the interval of each claim would be with more seeds and items."""

from itertools import product
from textwrap import wrap

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from scipy import special

from centurio_lib.findings import looks, plots
from centurio_lib.findings.claims import CANNOT, NOT_RUN, PUBLISHED
from centurio_lib.params.claim_rules import Claims

SEEDS, TIMES = [1, 2, 3, 5, 7, 10], [1, 2, 4, 10]
ACROSS = 4  # panels in a row
COLUMNS = ["claim", "part", "split", "seeds", "items", "half_width", "decides", "now"]


def table(parts: pd.DataFrame) -> pd.DataFrame:
    """Half-widths of the parts of claims on our first split, with so many seeds and times the items.

    `parts` is of `claims.verdicts`. Seeds divide what runs differ by. Items, of new things, divide what things differ
    by and what single answers differ by between seeds. `decides`: distance of the effect from its margin; `now`:
    whether the row is the study as it is. The degrees of freedom stay as they are.
    """
    ours = parts[(parts.stage != PUBLISHED) & ~parts.verdict.isin([CANNOT, NOT_RUN])]
    ours = ours[(ours.split == ours.split.iloc[0]) & (ours.stage == ours.stage.iloc[0])] if len(ours) else ours
    rows = []
    for row in ours.itertuples():
        n = _number(row.seeds)
        bound = -row.margin if row.rule == "not_less" else row.margin
        for seeds, times in product(SEEDS, TIMES):
            noise = min(row.noise_variance, row.seeds_variance)
            runs = (row.seeds_variance - noise + noise / times) * n / seeds
            variance = runs + row.things_variance / times
            half = special.stdtrit(min(row.df, 1e9), (1 + row.confidence) / 2) * np.sqrt(variance)
            rows.append((row.claim, row.part, row.split, seeds, times, round(float(half), 3),
                         round(abs(row.value - bound), 3), (seeds, times) == (n, 1)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _number(seeds: str) -> int:
    """Count the seeds that "0-2" or "0, 2" names."""
    first, _, last = str(seeds).partition("-")
    return int(last) - int(first) + 1 if last else len(str(seeds).split(","))


def figure(claims: Claims, power: pd.DataFrame) -> Figure:
    """Draw the half-width of each claim against the number of seeds, a line for each number of items."""
    panels = list(power[["claim", "part"]].drop_duplicates().itertuples(index=False, name=None))
    down = -(-len(panels) // ACROSS)
    colours = {times: look.colour for times, look in zip(TIMES, looks.ramp("viridis_r", len(TIMES)), strict=True)}
    with mpl.rc_context(looks.STYLE):
        drawn, axes = plt.subplots(down, ACROSS, figsize=(looks.WIDTH, 0.7 + 1.45 * down), sharex=True, squeeze=False,
                                   layout="constrained")
        for axis, (claim, part) in zip(axes.flat, panels, strict=False):
            rows = power[(power.claim == claim) & (power.part == part)]
            sns.lineplot(rows, x="seeds", y="half_width", hue="items", palette=colours, marker="o", markersize=3,
                         linewidth=1, legend=False, ax=axis)
            axis.axhline(rows.decides.iloc[0], color="black", lw=0.8, ls=":")
            now = rows[rows.now]
            axis.plot(now.seeds, now.half_width, "o", color="none", markeredgecolor="black", markersize=6)
            axis.set_title("\n".join(wrap(claims.claims[claim].claim, 34)), fontsize=5.2)
            axis.set(xlabel="", ylabel="", ylim=(0, 1.15 * float(rows.half_width.max())), xticks=SEEDS)
        for axis in axes.flat[len(panels):]:
            axis.axis("off")
        for axis in axes.flat[:len(panels)][-ACROSS:]:
            axis.tick_params(labelbottom=True)
            axis.set_xlabel("seeds", fontsize=6)
        drawn.supylabel("half-width of the interval (score points)", fontsize=7)
        entries = [plt.Line2D([], [], color=colour, marker="o", label=f"items × {times}")
                   for times, colour in colours.items()]
        entries += [plt.Line2D([], [], color="none", marker="o", markeredgecolor="black", label="this study"),
                    plt.Line2D([], [], color="black", ls=":", lw=0.8, label="distance of the effect from its margin")]
        drawn.legend(handles=entries, loc="outside lower center", ncols=6, fontsize=5.5, columnspacing=1.2)
        return plots.settled(drawn)
