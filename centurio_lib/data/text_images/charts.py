"""Bar and pie charts whose labels are shaped lines: matplotlib draws the chart and the outlines of the labels."""

from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Affine2D
from PIL import Image

from centurio_lib.data.text_images import typesetting

COLOURS = ["red", "blue", "black", "purple", "green", "brown", "yellow", "orange", "pink", "gray"]
VERBS = {"move": [Path.MOVETO], "line": [Path.LINETO], "quadratic": [Path.CURVE3] * 2, "cubic": [Path.CURVE4] * 3}
LEAST_SHARE = 0.06  # of a pie: neighbours' labels stay apart
APART = 0.03  # of a pie: by which the extremes differ from any other slice, so that they can be seen
PAD = 0.6  # ems around a label
LEAST_PLOT = 0.3  # of the figure's side that is kept for bars or pie: longer labels shrink,
LEAST_PIE = 0.3  # of its width for a pie
DIGITS, TICK = 0.5, 0.15  # ems: numbers on the axis of the values; its ticks, and the gap to the numbers
BELOW, BESIDE = 2 * TICK + 1.2 * DIGITS, 2 * TICK + 2 * DIGITS  # ems that "100" takes below the axis, and beside it


# each label with its left end on its baseline (pixels, upwards), its em (pixels) and how it is turned (degrees)
Places = list[tuple[typesetting.Line, float, float, float, float]]


class Chart(NamedTuple):
    """A chart without labels: `aspect` is width by height, `exploded` the offset of each slice."""

    kind: str
    values: tuple[int, ...]
    colours: tuple[str, ...]
    aspect: float
    horizontal: bool
    exploded: tuple[float, ...]
    angle: float
    grid: bool


def configuration(kind: str, random: np.random.Generator) -> Chart:
    """A chart of 4 to 7 parts; all values and colours differ."""
    n = int(random.integers(4, 8))
    if kind == "bar":
        values = random.choice(np.arange(10, 101, 6), n, replace=False)
    else:
        values = _slices(n, random)
    exploded = tuple(float(v) for v in np.where(random.random(n) < 0.25, 0.12, 0.0))
    return Chart(kind, tuple(int(v) for v in values), tuple(random.choice(COLOURS, n, replace=False).tolist()),
                 float(random.choice([0.8, 1.0, 1.0, 1.25])), bool(random.random() < 0.5), exploded,
                 float(random.uniform(0, 360)), bool(random.random() < 0.4))


def _slices(n: int, random: np.random.Generator) -> np.ndarray:
    """Shares of a pie in thousandths: all differ, none is below LEAST_SHARE, the extremes stand APART."""
    rest = 1 - n * LEAST_SHARE
    while True:
        values = np.round(1000 * (random.dirichlet(np.full(n, 1.5)) * rest + LEAST_SHARE))
        steps = np.diff(np.sort(values / values.sum()))
        if steps.min() > 0 and min(steps[0], steps[-1]) >= APART and values.min() / values.sum() >= LEAST_SHARE - 1e-3:
            return values


def draw(chart: Chart, labels: list[typesetting.Line], pixels: int, em: float) -> Image.Image:
    """The chart as an RGB image whose longer side is `pixels`; labels of `em` pixels, less where they would not fit."""
    return drawn(chart, labels, pixels, em)[0]


def drawn(chart: Chart, labels: list[typesetting.Line], pixels: int, em: float) -> tuple[Image.Image, Places]:
    """The chart as `draw` makes it, and where its labels stand."""
    width = round(pixels * min(1.0, chart.aspect))
    height = round(pixels / max(1.0, chart.aspect))
    figure = Figure((width / 72, height / 72), dpi=72, facecolor="white")  # points are pixels
    canvas = FigureCanvasAgg(figure)
    place = _pie if chart.kind == "pie" else _rows if chart.horizontal else _columns
    places = place(figure, chart, labels, width, height, em)
    for placed in places:
        figure.add_artist(letters(*placed))
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()), places


def letters(line: typesetting.Line, x: float, y: float, size: float, turn: float) -> PathPatch:
    """A label, as `Places` has it. Never snapped to whole pixels: letters of straight strokes would lose some."""
    move = Affine2D().scale(size).rotate_deg(turn).translate(x, y)
    return PathPatch(path(line), transform=move, facecolor="black", linewidth=0, snap=False)


def path(line: typesetting.Line) -> Path:
    """A line's outlines as matplotlib's path, in ems from its left end on the baseline."""
    points, codes = [(0.0, 0.0)], [Path.MOVETO]
    for verb, at in typesetting.outline(line):
        points += at or [(0.0, 0.0)]
        codes += VERBS.get(verb, [Path.CLOSEPOLY])
    return Path(points, codes)


def _rows(figure: Figure, chart: Chart, labels: list[typesetting.Line], width: int, height: int, em: float) -> Places:
    """Horizontal bars, labels to their left."""
    n, widest = len(labels), max(line.width for line in labels)
    size = min(em, (1 - LEAST_PLOT) * width / (widest + 2 * PAD), 0.8 * height / n / 1.3)
    left, bottom = (widest + 2 * PAD) * size / width, BELOW * em / height
    tall = 0.96 - bottom
    axes = figure.add_axes([left, bottom, 0.95 - left, tall])
    axes.barh(range(n), chart.values, color=chart.colours, height=0.7)
    axes.set(ylim=(-0.6, n - 0.4), yticks=[])
    _dress(axes, "x", chart, em, (0.95 - left) * width)
    return [(line, left * width - (line.width + PAD) * size,
             _middle(bottom, tall, i, n) * height - 0.35 * size, size, 0)
            for i, line in enumerate(labels)]


def _columns(
    figure: Figure, chart: Chart, labels: list[typesetting.Line], width: int, height: int, em: float
) -> Places:
    """Vertical bars, labels under them; all stand upright where one would not fit its column."""
    n, widest, left = len(labels), max(line.width for line in labels), BESIDE * em / width
    wide = 0.97 - left
    upright = (widest + PAD) * em > wide * width / n
    size = min(em, (1 - LEAST_PLOT) * height / (widest + 2 * PAD), wide * width / n / 1.3) if upright else em
    deep = ((widest + 2 * PAD) if upright else 1.9) * size / height
    axes = figure.add_axes([left, deep, wide, 0.95 - deep])
    axes.bar(range(n), chart.values, color=chart.colours, width=0.7)
    axes.set(xlim=(-0.6, n - 0.4), xticks=[])
    _dress(axes, "y", chart, em, (0.95 - deep) * height)
    middles = [_middle(left, wide, i, n) * width for i in range(n)]
    if upright:
        return [(line, x + 0.35 * size, deep * height - (line.width + PAD) * size, size, 90)
                for line, x in zip(labels, middles, strict=True)]
    return [(line, x - line.width * size / 2, deep * height - 1.3 * size, size, 0)
            for line, x in zip(labels, middles, strict=True)]


def _pie(figure: Figure, chart: Chart, labels: list[typesetting.Line], width: int, height: int, em: float) -> Places:
    """A pie, each label outside its slice."""
    widest = max(line.width for line in labels)
    size = min(em, (1 - LEAST_PIE) / 2 * width / (widest + 2 * PAD))
    radius = min(width / 2 - (widest + 2 * PAD) * size, height / 2 - 1.8 * size) / 1.12  # 0.12: of an exploded slice
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set(xlim=(-width / 2, width / 2), ylim=(-height / 2, height / 2))
    axes.pie(chart.values, colors=list(chart.colours), startangle=chart.angle, radius=radius,
             explode=[out * radius for out in chart.exploded],  # matplotlib takes it in units of the axes
             wedgeprops={"edgecolor": "white", "linewidth": 1}, frame=True)
    axes.set(xlim=(-width / 2, width / 2), ylim=(-height / 2, height / 2))
    axes.axis("off")
    shares = np.array(chart.values) / sum(chart.values)
    turns = np.deg2rad(chart.angle + 360 * (np.cumsum(shares) - shares / 2))
    out, placed = radius * 1.12 + 0.6 * size, {}
    for side in (-1, 1):  # at the left and at the right of the pie, labels below each other
        slices = sorted((i for i, turn in enumerate(turns) if (np.cos(turn) >= 0) == (side > 0)),
                      key=lambda i: np.sin(turns[i]))
        for i, y in zip(slices, spread([out * np.sin(turns[i]) for i in slices], 1.3 * size, height / 2 - size),
                        strict=True):
            away = max(np.sqrt(max(out**2 - y**2, 0.0)), 0.3 * size)
            x = width / 2 + (away if side > 0 else -away - labels[i].width * size)
            placed[i] = (labels[i], float(x), height / 2 + y - 0.35 * size, size, 0.0)
    return [placed[i] for i in range(len(labels))]


def spread(places: list[float], gap: float, limit: float) -> list[float]:
    """Rising places moved as little as needed to be `gap` apart and within -limit..limit."""
    moved = list(places)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    for i in range(len(moved) - 1, -1, -1):
        moved[i] = min(moved[i], limit if i == len(moved) - 1 else moved[i + 1] - gap)
    return [max(place, -limit + i * gap) for i, place in enumerate(moved)]


def _dress(axes, values: str, chart: Chart, em: float, length: float) -> None:
    """Axis of the values, `length` pixels long: as many numbers as stay apart, a grid in some charts."""
    axes.tick_params(axis=values, labelsize=DIGITS * em, length=TICK * em, pad=TICK * em)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(**{f"{values}lim": (0, 105)})
    axes.locator_params(axis=values, nbins=max(1, min(5, int(length / (BESIDE * em)))))
    if chart.grid:
        axes.grid(axis=values, color="lightgray", linewidth=0.7)
        axes.set_axisbelow(True)


def _middle(start: float, length: float, i: int, n: int) -> float:
    """Where the middle of bar `i` of `n` is, as a share of the figure's side; bars reach from -0.6 to n - 0.4."""
    return start + length * (i + 0.6) / (n + 0.2)
