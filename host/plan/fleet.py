"""A scenario with all around it: the Provers, the inspectorate, the cluster, the transcripts and the chip."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from .burden import PAPER_INSPECTIONS_PER_INSPECTOR_YEAR
from .detection import SECONDS_PER_DAY, Scenario
from .presets import ACCELERATORS, MODELS
from .strategies import Stockpile, threshold_for

LARGEST_DEFAULT_CLUSTER = 10_000
DEFAULT_MEMORY_BYTES = 80e9


@dataclass(frozen=True)
class Fleet:
    """What a plan is made from.

    scenario: of all Provers as one stockpile. stockpiles: of each, one or more. run, chip: what flop_threshold and
    chip_flop_per_day stand for, with their source. budget: inspections per year, None if no question about one.
    Units and meanings of the rest are those of scenario.schema.json.
    """

    name: str
    scenario: Scenario
    stockpiles: tuple[Stockpile, ...]
    run: str
    chip: str
    budget: float | None = None
    inspections_per_inspector_year: float = PAPER_INSPECTIONS_PER_INSPECTOR_YEAR
    cluster_chips: float = LARGEST_DEFAULT_CLUSTER
    freeze_seconds: float = 2.0
    memory_bytes: float = DEFAULT_MEMORY_BYTES
    chip_clock_hertz: float = 50e6
    transcript_segments: int = 1000
    forged_segments: int = 10
    checked_segments: int = 100

    def as_json(self) -> dict[str, object]:
        """The fleet's and its scenario's fields by name, and the chips of each Prover."""
        values = {name: value for name, value in asdict(self).items() if name not in ("scenario", "stockpiles")}
        return {
            **values,
            **asdict(self.scenario),
            "provers": {one.name: one.chips for one in self.stockpiles},
        }


_KEPT = (
    "inspections_per_inspector_year",
    "cluster_chips",
    "freeze_seconds",
    "chip_clock_hertz",
    "transcript_segments",
    "forged_segments",
    "checked_segments",
)


def fleet_of(values: Mapping[str, object]) -> Fleet:
    """The fleet that a valid scenario file describes (scenario_file.check has passed).

    Raises PlanError when a value is out of range.
    """
    numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
    accelerator = ACCELERATORS.get(str(values.get("accelerator")))
    provers = values.get("provers")
    stockpiles = (
        tuple(Stockpile(str(name), float(chips)) for name, chips in provers.items())
        if isinstance(provers, Mapping)
        else (Stockpile("the Prover", numbers["chips_owned"]),)
    )
    flop, run = _run(values, numbers)
    scenario = Scenario(
        flop_threshold=flop,
        chip_flop_per_day=(
            accelerator.flop_per_day
            if accelerator
            else numbers.get("chip_flop_per_day") or numbers["chip_flop_per_second"] * SECONDS_PER_DAY
        ),
        chips_owned=sum(one.chips for one in stockpiles),
        snapshots_per_chip_day=numbers["snapshots_per_chip_day"],
        run_days=numbers["run_days"],
        monitoring_days=numbers["monitoring_days"],
        detection_probability=numbers["detection_probability"],
    )
    own_memory = accelerator.memory_bytes if accelerator else None
    given: dict[str, float] = {
        name: int(numbers[name]) if name.endswith("_segments") else numbers[name] for name in _KEPT if name in values
    }
    given.setdefault("cluster_chips", min(LARGEST_DEFAULT_CLUSTER, scenario.chips_owned))
    if "transcript_segments" in numbers:
        for name, most in (("forged_segments", 10), ("checked_segments", 100)):
            given.setdefault(name, min(most, int(numbers["transcript_segments"])))
    return Fleet(
        name=str(values.get("name", "Plan")),
        scenario=scenario,
        stockpiles=stockpiles,
        run=run,
        chip=f"{accelerator.title} ({accelerator.source})" if accelerator else "as given",
        budget=numbers.get("inspections_per_year_budget"),
        memory_bytes=numbers.get("memory_bytes") or own_memory or DEFAULT_MEMORY_BYTES,
        **given,  # type: ignore[arg-type]
    )


def _run(values: Mapping[str, object], numbers: Mapping[str, float]) -> tuple[float, str]:
    """flop_threshold, and in words where it comes from."""
    if "flop_threshold" in numbers:
        return numbers["flop_threshold"], "as given"
    if "flop_guaranteed" in numbers:
        return threshold_for(numbers["flop_guaranteed"]), "half of flop_guaranteed"
    model = MODELS[str(values["model"])]
    return model.flop, f"{model.title} ({model.source})"
