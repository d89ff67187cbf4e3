"""Puts a fitted preset into the package, to be used by name.

    feedtwin calibrate FOLDER --preset-out kuairand.yaml --levels encounter,ecosystem
    python scripts/ship_preset.py kuairand.yaml

The name is the file's; an earlier preset of that name is replaced. Nothing of the fit is changed: its arrays are copied, and its
YAML gets a section `shipped` (day of the fit, hash of the code). A note of the data's licence is written beside it.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedtwin.calibration.packing import SUFFIX
from feedtwin.calibration.preset import read_preset, ship_preset
from feedtwin.errors import SettingsError
from feedtwin.lab.study.cells import simulation_hash

TARGET = Path(__file__).resolve().parent.parent / "src" / "feedtwin" / "parameters" / "presets"
MOST_BYTES = 6_000_000
"""What a preset in the repository may take. Source: our choice."""
NOTE = """\
Licence of {name}.yaml and {name}.yaml{suffix}
{line}

These two files are derived from {data} and are licensed as these data are:
{licence}.

The rest of the package is licensed under Apache-2.0. Whoever passes these files on, changed or not, must
name the source, say what was changed, and keep this licence.

Attribution
-----------
{citation}.

What was changed
----------------
The encounter of the twin was fitted to {rows:,} logged impressions. The files hold what the fit estimated
(numbers of trees, tables and parameters; numbers of each person, video and author under the ids of the
data set itself, which are pseudonyms that its publishers made) and the columns of the video table that
the fit reads. They hold no row of the log.

How it was done: docs/howto/calibrate.md and scripts/ship_preset.py in the source repository.
The licensor's material is provided as is, without warranties. The authors of the data do not endorse
this package.
"""


def main(source: Path) -> None:
    """Ships one preset."""
    preset = read_preset(source)
    size = source.with_name(source.name + SUFFIX).stat().st_size + source.stat().st_size
    if size > MOST_BYTES:
        raise SettingsError(f"{source}: {size:,} bytes; expected at most {MOST_BYTES:,}")
    fitted_on = datetime.fromtimestamp(source.stat().st_mtime, UTC).date().isoformat()
    ship_preset(source, TARGET, {"fitted_on": fitted_on, "code_hash": simulation_hash()})
    about: Any = preset.about["data"]
    words = {
        "data": {"kuairand": "KuaiRand (KuaiRand-Pure)"}.get(about["name"], about["name"]),
        "suffix": SUFFIX,
        "line": "=" * (2 * len(source.stem) + len(SUFFIX) + 27),
        **{key: about[key] for key in ("licence", "citation", "rows")},
    }
    (TARGET / f"{source.stem}.LICENSE.txt").write_text(
        NOTE.format(name=source.stem, **words), "utf-8"
    )
    sys.stdout.write(
        f"shipped {source.stem}: {preset.state}; {size:,} bytes, fitted on {fitted_on}\n"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
