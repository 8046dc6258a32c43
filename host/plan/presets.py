"""Training runs and accelerators by name, each with its source.

Peak throughput is dense (no sparsity) in BF16: full use is the worst case for the Verifier, since it means the fewest
chips. Figures are of the manufacturers' published specifications.
"""

from dataclasses import dataclass

from .detection import SECONDS_PER_DAY


@dataclass(frozen=True)
class Model:
    """A training run. flop: of the whole run, H in the paper's Table 1."""

    name: str
    title: str
    flop: float
    source: str


@dataclass(frozen=True)
class Accelerator:
    """A chip. flop_per_second: peak, dense. memory_bytes: high-bandwidth memory, 10^9 bytes to the GB; None where
    the source gives none."""

    name: str
    title: str
    flop_per_second: float
    memory_bytes: float | None
    source: str

    @property
    def flop_per_day(self) -> float:
        """FLOP of a day at peak."""
        return self.flop_per_second * SECONDS_PER_DAY


_TABLE = "Shavit 2023, Table 1"
_PROJECTED = "Shavit 2023, Table 1, projected by the scaling law of Hoffmann et al. 2022"

MODELS = {
    model.name: model
    for model in (
        Model("gpt-3", "GPT-3", 3.14e23, _TABLE),
        Model("chinchilla", "Chinchilla", 5.76e23, _TABLE),
        Model("palm", "PaLM", 2.56e24, _TABLE),
        Model("chinchilla-280b", "Chinchilla-280B", 9.9e24, _PROJECTED),
        Model("chinchilla-1t", "Chinchilla-1T", 1.27e26, _PROJECTED),
        Model("chinchilla-10t", "Chinchilla-10T", 1.3e28, _PROJECTED),
    )
}

ACCELERATORS = {
    chip.name: chip
    for chip in (
        Accelerator("paper-h100", "H100 as the paper rounds it", 1e15, 80e9, "Shavit 2023, Table 1: 1e15 FLOP/s"),
        Accelerator("paper-3x-h100", "three times an H100", 3e15, None, "Shavit 2023, footnote 5: 3e15 FLOP/s"),
        Accelerator("a100-sxm", "NVIDIA A100 SXM 80 GB", 312e12, 80e9, "NVIDIA A100 datasheet, dense BF16, SXM"),
        Accelerator(
            "h100-sxm", "NVIDIA H100 SXM", 989.5e12, 80e9,
            "NVIDIA H100 datasheet, BF16, SXM: half of the 1,979 TFLOP/s given with sparsity",
        ),
        Accelerator(
            "h200-sxm", "NVIDIA H200 SXM", 989.5e12, 141e9,
            "NVIDIA H200 datasheet, BF16, SXM: half of the 1,979 TFLOP/s given with sparsity",
        ),
        Accelerator(
            "b200-hgx", "NVIDIA B200 in HGX", 2.25e15, 180e9,
            "NVIDIA Blackwell datasheet, HGX B200, BF16: half of the 4.5 PFLOP/s given with sparsity",
        ),
        Accelerator(
            "gb200", "NVIDIA B200 in GB200 NVL72", 2.5e15, 186e9,
            "NVIDIA Blackwell datasheet, GB200 NVL72, BF16: half of the 5 PFLOP/s given with sparsity",
        ),
        Accelerator("tpu-v4", "Google TPU v4", 275e12, 32e9, "Google Cloud documentation of TPU v4, BF16"),
        Accelerator("tpu-v5p", "Google TPU v5p", 459e12, 95e9, "Google Cloud documentation of TPU v5p, BF16"),
        Accelerator("tpu-v6e", "Google TPU v6e", 918e12, 32e9, "Google Cloud documentation of TPU v6e, BF16"),
        Accelerator(
            "mi250x", "AMD Instinct MI250X", 383e12, 128e9, "AMD Instinct MI250X datasheet, BF16, both dies"
        ),
        Accelerator("mi300x", "AMD Instinct MI300X", 1307.4e12, 192e9, "AMD Instinct MI300X datasheet, dense BF16"),
    )
}  # fmt: skip

_PAPER: dict[str, object] = {
    "accelerator": "paper-h100",
    "chips_owned": 100_000,
    "snapshots_per_chip_day": 0.1,
    "run_days": 365,
    "monitoring_days": 30,
    "detection_probability": 0.9,
}

SCENARIOS: dict[str, dict[str, object]] = {
    **{name: {"name": f"{model.title}, as in Table 1", "model": name, **_PAPER} for name, model in MODELS.items()},
    "chinchilla-10t": {
        **_PAPER,
        "name": "Chinchilla-10T, as in Table 1",
        "model": "chinchilla-10t",
        "chips_owned": 10_000_000,
    },
    "footnote-5": {
        **_PAPER,
        "name": "Footnote 5: an IAEA-sized inspectorate",
        "flop_threshold": 9.9e24,
        "accelerator": "paper-3x-h100",
        "chips_owned": 10_000_000,
        "run_days": 30,
    },
}
"""Whole scenarios by name, as a scenario file would hold them (scenario.schema.json)."""
