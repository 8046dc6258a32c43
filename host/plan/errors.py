"""Why a plan cannot be made: one line each, with a value that would do."""

from host.errors import LivetrapError


class PlanError(LivetrapError):
    """A value of a scenario is missing, unknown or out of range; the line names it."""


class Infeasible(PlanError):
    """Every value is in range, but together they leave nothing to plan; the line says which value would do."""
