"""The workloads by name."""

from .characters import Characters
from .digits import Digits
from .workload import Workload

WORKLOADS: dict[str, type[Workload]] = {each.name: each for each in (Digits, Characters)}
