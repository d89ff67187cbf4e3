"""Figures with many series and long names: no two series look the same, and no text lies on another or leaves the figure."""

from dataclasses import replace
from itertools import combinations

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from feedtwin.lab import figures
from feedtwin.lab.figures import Basis
from feedtwin.lab.figures.adoption import Adoption
from feedtwin.lab.figures.chart import _STYLE, NARROW_PX, TEXT_PX, WIDE_PX, Canvas
from feedtwin.lab.figures.palette import LIGHT
from feedtwin.lab.figures.telling import lines_of, look_of
from feedtwin.lab.study.result import CurvePoint
from feedtwin.lab.study.tables import read_result

BASIS = Basis("8 pairs of runs", "seed 7, replicates 0 to 7", "uncalibrated: not fitted")
ARMS = [f"plan_{plan}/stack_{stack}" for plan in ("none", "20", "50", "100") for stack in ("basic", "full")]  # fmt: skip
CONTRASTS = [f"plan: plan_{plan} - plan_none, stack: full - basic" for plan in (20, 50, 100, 7, 8)]


def drawn(chart, *, narrow):
    """The figure of a chart, laid out; its canvas must live as long."""
    size = (NARROW_PX, chart.narrow) if narrow else (WIDE_PX, chart.wide)
    with mpl.rc_context({**_STYLE, "font.size": TEXT_PX}):
        figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        chart.draw(Canvas(figure, LIGHT, narrow, TEXT_PX))
        canvas.draw()
    return figure, canvas


def boxes(figure, canvas):
    """Where each text that is seen stands, in px."""
    found, ticks = {}, set()  # ticks beyond the limits of an axis are never drawn
    for axis in (half for axes in figure.axes for half in (axes.xaxis, axes.yaxis)):
        ticks |= {id(one) for one in axis.get_ticklabels(which="both")}
        ticks -= {id(tick.label1) for tick in axis._update_ticks()}
    for one in figure.findobj(Text):
        shown = one.get_visible() and (one.axes is None or one.axes.get_visible())
        shown = shown and id(one) not in ticks
        if shown and one.get_text().strip() and one.get_window_extent().width:
            found[one] = one.get_window_extent(canvas.get_renderer())
    return found


def hidden(figure, canvas):
    """Pairs of texts that lie on each other, and texts that leave the figure."""
    found = boxes(figure, canvas)
    pairs = [
        (a.get_text(), b.get_text())
        for a, b in combinations(found, 2)
        if min(found[a].x1, found[b].x1) - max(found[a].x0, found[b].x0) > 1
        and min(found[a].y1, found[b].y1) - max(found[a].y0, found[b].y0) > 3
    ]
    width, height = canvas.get_width_height()
    outside = [
        one.get_text() for one, box in found.items()
        if box.x0 < -2 or box.x1 > width + 2 or box.y0 < -2 or box.y1 > height + 2
    ]  # fmt: skip
    return pairs, outside


def point(kind, of, at, value, *, contrast=False):
    return CurvePoint(
        distribution="gifts", label="gifts per creator", unit="USD", kind=kind, of=of, is_contrast=contrast, at=at, n=8,
        estimate=value, low=value * 0.9, high=value * 1.1, p=0.5 if contrast else None,
        verdict="not distinguishable" if contrast else "", calibration="uncalibrated",
    )  # fmt: skip


@pytest.fixture
def curves():
    """Quantiles and Lorenz points of eight arms and five contrasts; the lowest quantile is nothing in all."""
    levels = (0.1, 0.5, 0.9)
    return [
        *(point("quantile", arm, at, at * (3 + k) * (at > 0.1)) for k, arm in enumerate(ARMS) for at in levels),
        *(point("quantile", name, at, 0.1, contrast=True) for name in CONTRASTS for at in levels),
        *(point("lorenz", arm, at, at**2) for arm in ARMS for at in levels),
        *(point("lorenz", name, at, -0.01, contrast=True) for name in CONTRASTS for at in levels),
    ]  # fmt: skip


def test_captions_of_curves_say_that_their_p_is_not_corrected(curves):
    for chart in (
        figures.lorenz_of_arms(curves, BASIS, "a"),
        figures.quantiles_of_arms(curves, BASIS, "b"),
    ):
        assert chart.reading.count("0.500, uncorrected)") == len(CONTRASTS)


def test_no_two_series_share_their_look():
    looks = [look_of(LIGHT, place) for place in range(24)]
    assert len({(one.colour, one.dash) for one in looks}) == len(looks)
    assert len({(one.colour, one.mark) for one in looks}) == len(looks)
    first = looks[:4]
    assert len({one.dash for one in first}) == len({one.mark for one in first}) == 4


@pytest.mark.parametrize("narrow", [False, True])
def test_eight_arms_have_a_row_each_with_their_name_beside_it(curves, narrow):
    chart = figures.quantiles_of_arms(curves, BASIS, "quantiles")
    figure, canvas = drawn(chart, narrow=narrow)
    panels = [axis for axis in figure.axes if axis.get_visible()]
    assert len(panels) == 2 and "10th percentile" in chart.units  # nothing differs at the tenth
    for axis in panels:
        assert [label.get_text() for label in axis.get_yticklabels()] == ARMS
        heights = {line.get_ydata()[0] for line in axis.lines if line.get_marker() == "o"}
        assert heights == set(range(len(ARMS)))
    assert hidden(figure, canvas) == ([], [])


@pytest.mark.parametrize("narrow", [False, True])
def test_eight_arms_and_five_contrasts_have_a_lorenz_panel_each(curves, narrow):
    figure, canvas = drawn(figures.lorenz_of_arms(curves, BASIS, "lorenz"), narrow=narrow)
    titles = [axis.get_title(loc="left") for axis in figure.axes if axis.get_visible()]
    assert titles[: len(ARMS)] == ARMS and len(titles) == len(ARMS) + len(CONTRASTS)
    assert hidden(figure, canvas)[1] == []


def test_few_arms_stay_on_one_panel(curves):
    few = [one for one in curves if one.of in ARMS[:3]]
    figure, _ = drawn(figures.quantiles_of_arms(few, BASIS, "quantiles"), narrow=False)
    assert len(figure.axes) == 1
    marks = {line.get_marker() for line in figure.axes[0].lines} - {"None"}
    assert len(marks) == 3


@pytest.mark.parametrize("narrow", [False, True])
def test_adoption_of_eight_arms_is_told_apart_beside_the_curves(narrow):
    runs = {arm: [Adoption((k, 2 * k), (1, 2), (2, 4))] for k, arm in enumerate(ARMS)}
    figure, canvas = drawn(figures.adoption(runs, BASIS), narrow=narrow)
    looks = {(one.get_color(), str(one._dash_pattern)) for one in figure.axes[0].lines}
    assert len(looks) == len(ARMS)
    assert hidden(figure, canvas) == ([], [])


LONG = "revenue per active user and day of all who came back within a week"


@pytest.mark.parametrize("narrow", [False, True])
def test_long_names_in_a_forest_are_wrapped_and_never_covered(study_folder, narrow):
    some = [one for one in read_result(study_folder).effects if one.low is not None]
    long = [
        replace(one, label=LONG, cohort="non-adopters at 50 %", first_step=2, last_step=4, unit="USD")
        for one in some
    ]  # fmt: skip
    short = replace(some[0], estimate=-1.63, low=-2.17, high=-1.09, unit="impressions")
    figure, canvas = drawn(figures.forest([*long, short, *some], BASIS), narrow=narrow)
    assert hidden(figure, canvas) == ([], [])
    said = " ".join(one.get_text() for one in boxes(figure, canvas))
    assert all(" ".join(said.split()).count(word) >= len(long) for word in LONG.split())


def test_lines_end_between_words_only():
    found = lines_of("gifts per creator, non-adopters at 20 %", 120, 12.5)
    assert found == ["gifts per", "creator,", "non-adopters at", "20\u00a0%"]


def test_what_never_moved_is_named_and_not_drawn(study_folder):
    some = [one for one in read_result(study_folder).over_time if one.estimate is not None]
    still = [replace(one, label="still life", metric="still", estimate=0.0, low=0.0, high=0.0) for one in some[:2]]  # fmt: skip
    chart = figures.effects_over_time([*some, *still], BASIS)
    assert "still life" in chart.reading
    assert "still" not in {row[0] for row in chart.rows}
    assert figures.effects_over_time(still, BASIS) is None
