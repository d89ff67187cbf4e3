"""Colours by role, the same meaning everywhere; safe for colour-blind readers, on light and on dark paper.

The series are those of Okabe and Ito, shifted until they stand out from both papers. Series are also told apart by
dash or by place, never by colour alone.
"""

from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True)
class Palette:
    """One colour per role.

    Attributes:
        paper: Behind everything.
        ink: Text that is read.
        soft: Text that is looked up: ticks, units.
        rule: Axes and zero lines.
        faint: Grid, and areas without a message.
        one: First series; the base of a comparison.
        two: Second series; the first treatment.
        three: Third series.
        four: Fourth series.
        five: Fifth series.
        six: Sixth series.
    """

    paper: str
    ink: str
    soft: str
    rule: str
    faint: str
    one: str
    two: str
    three: str
    four: str
    five: str
    six: str

    @property
    def series(self) -> tuple[str, ...]:
        """The series, in the order in which they are used."""
        return self.one, self.two, self.three, self.four, self.five, self.six


LIGHT: Final = Palette(
    paper="#ffffff", ink="#1b1f24", soft="#59636e", rule="#8c959f", faint="#e4e8ec",
    one="#0067a6", two="#c8500a", three="#00805c", four="#a84a82", five="#8a6500", six="#3f8fc4",
)  # fmt: skip
DARK: Final = Palette(
    paper="#14171b", ink="#eceff2", soft="#a3acb6", rule="#6b7580", faint="#2b3138",
    one="#5fb0ee", two="#f58b4c", three="#3ec79b", four="#e59ac5", five="#e0b53c", six="#9fd3f5",
)  # fmt: skip
ROLES: Final = tuple(one.name for one in fields(Palette))
PAGE: Final = Palette(*(f"#0{place:x}fe0{place:x}" for place in range(len(ROLES))))
"""Stand-ins, one per role: a page replaces each by its own variable, so that one drawing serves both papers."""


def for_page(svg: str) -> str:
    """Return a drawing made with `PAGE` whose colours are the page's variables `--paper`, `--ink`, ..."""
    for role in ROLES:
        svg = svg.replace(getattr(PAGE, role), f"var(--{role})")
    return svg


def variables(palette: Palette) -> str:
    """Return a palette as CSS declarations."""
    return " ".join(f"--{role}: {getattr(palette, role)};" for role in ROLES)
