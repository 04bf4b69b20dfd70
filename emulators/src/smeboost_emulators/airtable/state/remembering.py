"""Values computed once and remembered for as long as they cannot have changed."""

from collections.abc import Callable

from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.values import Value

from smeboost_emulators.airtable.state.schema import Base

REMEMBERED_MAX = 100_000
"""Values that one field remembers; with one more it forgets all."""
NOW_SECONDS = 1.0
"""How long a value that depends on the clock counts as the present one (the vendor's may be a quarter hour old)."""


class Remembered:
    """The values of one computed field by slot: valid for one version of the base, with a clock in it for a second."""

    __slots__ = ("_base", "_compute", "_known", "_state", "_volatile")

    def __init__(self, base: Base, compute: Callable[[int], Value], *, volatile: bool) -> None:
        self._base = base
        self._compute = compute
        self._volatile = volatile
        self._known: dict[int, Value | EvaluationError] = {}
        self._state = (-1, 0)

    def __call__(self, slot: int) -> Value:
        """The value for the record at `slot`.

        Raises:
            EvaluationError: the value is #ERROR!.
        """
        state = (self._base.version, int(self._base.now().timestamp() / NOW_SECONDS) if self._volatile else 0)
        if state != self._state or len(self._known) > REMEMBERED_MAX:
            self._known.clear()
            self._state = state
        if slot not in self._known:
            self._known[slot] = self._computed(slot)
        value = self._known[slot]
        if isinstance(value, EvaluationError):
            raise EvaluationError(str(value))
        return value

    def _computed(self, slot: int) -> Value | EvaluationError:
        try:
            return self._compute(slot)
        except EvaluationError as exc:
            # Without the frames that it passed through, which hold on to everything.
            return EvaluationError(str(exc))
        except RecursionError:
            return EvaluationError("the formulas that this one needs are nested too deeply")
