"""Figure of notebook 27: what tuning in English alone takes from the other languages, and what all of them get back.

Good rates lie at the upper left: English alone leaves little fidelity, all languages together give much.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from centurio_lib import params
from centurio_lib.findings import figures, looks, plots, scores, statistics
from centurio_lib.findings.conclusions import TIERS

LEFT_AT_MOST, SHARE_OF_CEILING = 10.0, 0.75  # what the study aims at: in %, and as a share of the ceiling
BOUNDS = ["value", "low", "high"]
COLUMNS = ["split", "lr", *(f"{side}_{bound}" for side in ("left", "reached") for bound in BOUNDS), "aim", "gap"]


def table(fidelity: pd.DataFrame, ceiling: pd.DataFrame, lr: float, variance: pd.DataFrame | None = None,
          ) -> pd.DataFrame:
    """Fidelity outside English by learning rate and split, the mean over tiers: a row for each pair of setups.

    `fidelity`: items with group; `ceiling`: a tidy table of the metric; `lr`: the profile's rate. `left_*` is of the
    setup tuned in English alone, `reached_*` of the one tuned in all languages at the same rate. `aim`: the share of
    the ceiling that the latter should reach; `gap`: reached less left.
    """
    rows = []
    for split, of_split in fidelity[fidelity.split != scores.BLIND].groupby("split", sort=False):
        groups = [group for group in TIERS if group in set(of_split.group)]
        top = ceiling[(ceiling.split == split) & ceiling.group.isin(groups)].drop_duplicates("group").value.mean()
        for scale, (alone, every) in pairs(list(dict.fromkeys(of_split.setup))).items():
            means = [{(setup, group): 1 / len(groups) for group in groups} for setup in (alone, every)]
            found = statistics.contrasts(of_split, means, variance)[BOUNDS].clip(0, 100).to_numpy()
            rows.append((split, lr * scale, *found.ravel(), SHARE_OF_CEILING * top, found[1, 0] - found[0, 0]))
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(["split", "lr"], ignore_index=True)


def pairs(setups: list[str]) -> dict[float, tuple[str, str]]:
    """The setup in English alone and the one in all languages at each rate (factor on the profile's) that has both."""
    alone, every = ({params.setup(name).lr_scale: name for name in setups
                     if (params.setup(name).english_share == 1.0) == english} for english in (True, False))
    return {scale: (alone[scale], every[scale]) for scale in sorted(alone) if scale in every}


def chosen(rows: pd.DataFrame) -> pd.Series:
    """The row with the widest gap on the first split, which is the rule by which `laptop` chose its rate."""
    first = min(set(rows.split), key=scores.SPLITS.index)
    return rows.loc[rows[rows.split == first].gap.idxmax()]


def figure(rows: pd.DataFrame) -> Figure:
    """Draw a panel for each split, a dot for each rate, dotted lines at what the study aims at."""
    splits = [split for split in figures.SHOWN if split in set(rows.split)]
    rates = sorted(set(rows.lr))
    drawn = dict(zip(rates, looks.ramp("viridis_r", len(rates)), strict=True))
    with mpl.rc_context(looks.STYLE | {"axes.grid.axis": "both"}):
        whole, axes = plt.subplots(1, len(splits), figsize=(looks.WIDTH, 2.9), sharex=True, sharey=True, squeeze=False,
                                   layout="constrained")
        for axis, split in zip(axes[0], splits, strict=True):
            _panel(axis, rows[rows.split == split], drawn)
            axis.set(title=figures.SHOWN[split], xlabel="fidelity that English alone leaves (%)")
        axes[0][0].set(ylabel="fidelity that all languages reach (%)", xlim=(0, None), ylim=(0, 100))
        handles = [*plots.handles(drawn, {rate: f"rate {rate:.1e}" for rate in rates}),
                   *plots.thin_handles({"aim": ":"})]
        whole.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return plots.settled(whole)


def _panel(axis: Axes, rows: pd.DataFrame, drawn: dict[float, looks.Look]) -> None:
    for row in rows.itertuples():
        look = drawn[row.lr]
        axis.plot([row.left_low, row.left_high], [row.reached_value] * 2, color=look.colour, lw=0.7)
        axis.plot([row.left_value] * 2, [row.reached_low, row.reached_high], color=look.colour, lw=0.7)
        axis.plot(row.left_value, row.reached_value, look.marker, color=look.colour, markersize=5)
    axis.axvline(LEFT_AT_MOST, color=looks.PLAIN, lw=0.7, ls=":")
    axis.axhline(rows.aim.iloc[0], color=looks.PLAIN, lw=0.7, ls=":")
