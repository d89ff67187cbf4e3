"""ODD (2020) and TRACE of a preset's twin, and its model card: every line is taken from registry, schema, settings or results.

Grimm et al., JASSS 23(2) 7 (2020): seven parts. Grimm et al., Ecological Modelling 280 (2014): eight elements.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from feedtwin.calibration.ecosystem.patterns import MEASURES
from feedtwin.calibration.ecosystem.plan import read_plan
from feedtwin.calibration.ecosystem.verdict import FAILS, PASSES
from feedtwin.calibration.report.ledger import RULES
from feedtwin.calibration.report.look import look_in_words
from feedtwin.lab.reporting.limits import OF_VALIDATION
from feedtwin.randomness.streams import STREAMS
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.events import EVENTS, TWINS
from feedtwin.schema.parameters import load_defaults
from feedtwin.world.catalogue import policy_rows, table_rows

ODD: Final = (
    "Purpose and patterns", "Entities, state variables and scales", "Process overview and scheduling",
    "Design concepts", "Initialisation", "Input data", "Submodels",
)  # fmt: skip
TRACE: Final = (
    "Problem formulation", "Model description", "Data evaluation", "Conceptual model evaluation",
    "Implementation verification", "Model output verification", "Model analysis",
    "Model output corroboration",
)  # fmt: skip
Rows = list[tuple[str, str]]


def odd(results: Mapping[str, Any]) -> Rows:
    """The seven parts of ODD, one or more lines each, as (part, text)."""
    purpose, entities, process, concepts, start, data, submodels = ODD
    of, contrast = results["data"], results.get("contrast")
    plan = read_plan()
    roles = Counter(one.role.replace("_", " ") for one in plan.patterns)
    rows: Rows = [
        (purpose, "Compare what a short-video platform does, before it does it, on a twin fitted to a log."),
        (purpose, f"Patterns ({', '.join(f'{n} {role}' for role, n in roles.items())}): {', '.join(MEASURES)}."),
    ]  # fmt: skip
    if contrast is not None:
        rows.append(
            (
                purpose,
                f"Policy contrast of this report: {contrast['name']}, from the study {contrast['study']}.",
            )
        )
    tables: dict[str, dict[str, list[str]]] = {}
    for row in table_rows():
        owner, table = str(row["owner"]), str(row["table"])
        tables.setdefault(owner, {}).setdefault(table, []).append(str(row["column"]))
    for twin in dict.fromkeys([*TWINS, *tables]):
        held = "; ".join(
            f"{name} ({', '.join(columns)})" for name, columns in tables.get(twin, {}).items()
        )
        rows.append((entities, f"Twin {twin}: {held or 'no tables of its own'}."))
    rows.append(
        (
            entities,
            "Scales: a step is one hour; a person's session is played slate by slate within its step.",
        )
    )
    rows.append((process, f"Events that twins publish and learn from: {', '.join(EVENTS)}."))
    rows.append(
        (
            process,
            f"Actions, each executed by one part: {', '.join(f'{name} ({one.executor})' for name, one in ACTIONS.items())}.",
        )
    )
    rows.append(
        (
            concepts,
            f"Stochasticity: keyed draws, one stream per decision: {', '.join(str(getattr(one, 'name', one)) for one in STREAMS)}.",
        )
    )
    rows.append(
        (
            concepts,
            "Learning and adaptation: by the platform's estimates and by people, where the parameters switch them on; emergence: concentration, return and trends are not set.",
        )
    )
    world = results.get("world")
    begin = (
        "No worlds were run for this report."
        if world is None
        else f"{world['people']:,} people and all videos of the log, {world['days']} days, {world['impressions_per_person']:.3g} impressions per person kept as the log keeps them, root seed {world['seed']}."
    )
    rows.append((start, begin))
    rows.append(
        (
            data,
            f"{of['name']} ({of['state']}), {of['rows']:,} impressions of {of['users']:,} people and {of['videos']:,} videos, {of['days']} days from {of['first_day']}; SHA-256 {of['source_hash']}.",
        )
    )
    rows += [(submodels, f"{lever}: {names}.") for lever, names in _policies().items()]
    rows.append((submodels, f"Parameters: {_parameters()}."))
    return rows


def trace(results: Mapping[str, Any]) -> Rows:
    """The eight elements of TRACE, one or more lines each, as (element, text)."""
    problem, model, data, concept, code, output, analysis, corroboration = TRACE
    of, contrast = results["data"], results.get("contrast")
    asked = (
        "no contrast was run"
        if contrast is None
        else f"does {contrast['name']} change {contrast['main']}, and in whatever structure?"
    )
    rows: Rows = [
        (problem, f"Question: {asked}"),
        (model, "See the seven parts of ODD above; they are filled from the same registry."),
    ]
    rows += [(data, note) for note in (*of["notes"], str(results["exposure"]))]
    rows += [(concept, text) for text in OF_VALIDATION]
    rows.append(
        (
            code,
            f"Code that determines a run: SHA-256 {results['code_hash']}. A run is verified by `feedtwin replay` and `feedtwin audit`.",
        )
    )
    rows.append(
        (
            output,
            f"Fitted: {', '.join(f'{level}: {said}' for level, said in results['levels'].items())}. Recovery {results['recovery_verdict']}.",
        )
    )
    if contrast is None:
        rows.append((analysis, f"No worlds were run: {results['no_worlds']}."))
    else:
        screening, indices = contrast["screening"], contrast["indices"]
        rows.append(
            (
                analysis,
                f"Morris screening within the {contrast['range']}: {screening['trajectories']} trajectories, {screening['runs']} worlds; above chance: {', '.join(screening['above_chance']) or 'none'}. Sobol indices of {', '.join(screening['chosen'])}: {indices['points']} points, {indices['runs']} worlds.",
            )
        )
        rows.append(
            (
                analysis,
                f"Conclusions that flip inside the posterior: {', '.join(contrast['flips']) or 'none'}.",
            )
        )
    rows += [
        (corroboration, f"{one['promise']}: {one['holds']} of {one['of']}")
        for one in results["encounter"]["verdicts"]
    ]
    rows += [
        (corroboration, f"{one['promise']}: {one['holds']}, {one['needed']} needed")
        for one in results.get("verdicts", ())
    ]
    few = look_in_words(results)
    if few:
        rows.append((corroboration, few))
    rows.append(
        (corroboration, "No intervention was held out: effects of policies are not corroborated.")
    )
    return rows


def card(results: Mapping[str, Any]) -> Rows:
    """The model card, as (field, text)."""
    of, rows = results["data"], []
    unknown = [name for name, one in results["parameters"].items() if not one["identified"]]
    recovery = results["recovery_verdict"]
    untold = "" if recovery in (PASSES, FAILS) else f" (recovery {recovery})"
    failed = [row["name"] for row in results.get("patterns", ()) if not row["twin"]["inside"]]
    rows += [
        ("Calibration", results["state"]),
        ("Intended use", "Comparing policies inside the twin, with intervals and with this report beside them."),
        ("Not for", "Statements about single persons, forecasts of a platform's levels, and decisions without a held-out experiment."),
        ("Data and licence", f"{of['name']}: {of['licence']}. {of['citation']}"),
        ("Populations absent", f"Whoever is not among the {of['users']:,} people of the log; whatever it does not record ({', '.join(of['recorded'])} are recorded)."),
        ("Not identified by the data", ", ".join(unknown) + untold if unknown else ("nothing that was fitted" if results["parameters"] else "every parameter of the ecosystem: none was fitted")),
        ("Known failures", ", ".join(failed) or ("none of the patterns" if "patterns" in results else "not known: no worlds were run")),
        ("Worlds behind it", look_in_words(results) or ("as many as stated beforehand" if "patterns" in results else "none")),
        ("Language models", "None was asked; no money was spent."),
        ("Rules of the claims", " ".join(RULES)),
    ]  # fmt: skip
    return rows


def _policies() -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for row in policy_rows():
        found.setdefault(str(row["lever"]), []).append(
            f"{row['name']} ({str(row['meaning']).rstrip('.')})"
        )
    return {lever: "; ".join(names) for lever, names in found.items()}


def _parameters() -> str:
    counts = Counter(str(row["status"]) for row in load_defaults().rows())
    return ", ".join(f"{count} by {status}" for status, count in counts.items())
