"""What a backend takes and declines in one run, and the level that follows from it (CNF-4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from peerspec.conformance.hosts.host import Host, supports
from peerspec.conformance.kinds import Level
from peerspec.conformance.levels import BASE_ACTIVATIONS, full_forms, full_requires, in_base, stand_ins, with_k
from peerspec.reference import PRECISIONS, PeerConfig

__all__ = ["Answered", "Refusal", "Support"]

_LETTERS = 120
"""Letters of a reason that are kept."""


class Answered(NamedTuple):
    """A configuration that a run asked for, as JSON, and the answer; the answer is None if it was not needed so far."""

    precision: str
    config: str
    answer: bool | str | None


@dataclass(frozen=True)
class Refusal:
    """What a backend declines in one precision although the level base requires it.

    Attributes:
        precision: the precision.
        declined: for each activation of the level base a configuration and the reason for declining it; the
            configurations have the same sizes if there are such.
        planned: whether the plan has these configurations, so that no step must ask for them first.
    """

    precision: str
    declined: tuple[tuple[PeerConfig, str], ...]
    planned: bool


class Support:
    """The answers of ``supports``, each asked for once.

    A backend has the level base in a precision as soon as it declines a configuration that the level full requires.
    Any method raises ``Fault`` if the backend gives no answer.

    Args:
        host: the backend.
        planned: the configurations of layers that are asked for in every precision.
        precisions: the precisions.

    Attributes:
        declined: the reasons for which the backend declined configurations, each with the precisions.
    """

    def __init__(self, host: Host, planned: Iterable[PeerConfig], precisions: Iterable[str]) -> None:
        self._host = host
        self._planned = tuple(planned)
        self._configs = {precision: dict.fromkeys(self._planned) for precision in precisions}
        self.declined: dict[str, set[str]] = {}
        self._answers: dict[tuple[PeerConfig, str], bool | str] = {}
        self._of_dtype: dict[tuple[PeerConfig, str], bool | str] = {}
        self._log: list[tuple[str, PeerConfig, bool | str | None]] = []

    @property
    def level(self) -> Level:
        """The level of the configurations asked for so far, over all precisions."""
        return Level.BASE if any(True for _ in self._refused_by_full()) else Level.FULL

    def taken(self, config: PeerConfig, precision: str, *, own_activation: bool = False) -> PeerConfig | str:
        """The configuration itself, one that stands for it, or the reason for declining all of them.

        Args:
            config, precision: what is asked for.
            own_activation: whether only configurations with its activation may stand for it.
        """
        self._ask(config, precision)
        answer = self._answer(config, precision)
        if answer is True:
            return config
        for other in stand_ins(config, own_activation=own_activation):
            if self._answer(other, precision) is True:
                return other
        return str(answer)

    def declines_selection(self, n: int, k: int, precision: str) -> str:
        """The reason for which the backend need not select k of n² experts; empty if it must.

        It need not if it declines a plain layer with this selection and, for k > n, also a planned layer with k > n.
        """
        forms = [with_k(n, k, activation) for activation in BASE_ACTIVATIONS]
        self._ask(forms[0], precision)
        if not self._declines_all(forms, precision) or (k > n and not self._declines_many(precision)):
            return ""
        return str(self._answer(forms[0], precision))

    def news(self) -> list[Answered]:
        """What was asked for and answered since the last call of this function."""
        found, self._log = self._log, []
        return [Answered(precision, config.to_json(), answer) for precision, config, answer in found]

    def restore(self, answered: Iterable[Answered]) -> None:
        """Take over what ``news`` told in an earlier part of the run, as far as it is of precisions of this one."""
        for precision, text, answer in answered:
            if precision in self._configs:
                config = PeerConfig.from_json(text)
                if answer is None:
                    self._configs[precision].setdefault(config)
                else:
                    self._of_dtype[config, PRECISIONS[precision].parameters.name] = answer
                    self._answer(config, precision)
        self._log.clear()

    def take_over(self, other: Support) -> None:
        """Know also what another run of the same plan has asked for, and its answers."""
        for precision, configs in other._configs.items():
            self._configs[precision] |= configs
        self._of_dtype |= other._of_dtype
        for config, precision in other._answers:
            self._answer(config, precision)
        self._log.clear()

    def refusal(self, precision: str) -> Refusal | None:
        """What keeps the backend below the level base in a precision, if anything."""
        for config in self._configs[precision]:
            for form in (config, *full_forms(config)):
                self._answer(form, precision)
        return self._below_base(precision) if precision in self._refused_by_full() else None

    def _ask(self, config: PeerConfig, precision: str) -> None:
        """Note that a configuration is asked for."""
        if config not in self._configs[precision]:
            self._configs[precision][config] = None
            self._log.append((precision, config, None))

    def _below_base(self, precision: str) -> Refusal | None:
        """What is refused with both activations, of equal sizes if possible; None if one of them is never refused."""
        relu, gelu = (self._refused(activation, precision) for activation in BASE_ACTIVATIONS)
        if not relu or not gelu:
            return None
        twins = ((config, replace(config, activation=BASE_ACTIVATIONS[1])) for config in relu)
        first, second = next((pair for pair in twins if pair[1] in gelu), (next(iter(relu)), next(iter(gelu))))
        planned = {in_base(config, activation) for config in self._planned for activation in BASE_ACTIVATIONS}
        return Refusal(precision, ((first, relu[first]), (second, gelu[second])), {first, second} <= planned)

    def _refused(self, activation: str, precision: str) -> dict[PeerConfig, str]:
        based = dict.fromkeys(filter(None, (in_base(config, activation) for config in self._in_order(precision))))
        answers = {config: self._answer(config, precision) for config in based}
        return {config: str(answer) for config, answer in answers.items() if answer is not True}

    def _in_order(self, precision: str) -> list[PeerConfig]:
        """The configurations asked for: those of the plan, then the others, whatever the order in which they came."""
        others = self._configs[precision].keys() - self._planned
        return [*self._planned, *sorted(others, key=PeerConfig.to_json)]

    def _refused_by_full(self) -> Iterator[str]:
        """The precisions in which the backend declined a configuration that the level full requires."""
        for (config, precision), answer in self._answers.items():
            if answer is not True and full_requires(config):
                yield precision

    def _declines_many(self, precision: str) -> bool:
        """Whether the backend declines a planned layer with k > n."""
        large = (config for config in self._planned if config.top_k > config.n)
        forms = ([replace(config, activation=kind) for kind in BASE_ACTIVATIONS] for config in large)
        return any(self._declines_all(pair, precision) for pair in forms)

    def _declines_all(self, configs: Iterable[PeerConfig], precision: str) -> bool:
        return all(self._answer(config, precision) is not True for config in configs)

    def _answer(self, config: PeerConfig, precision: str) -> bool | str:
        if (config, precision) not in self._answers:
            self._answers[config, precision] = answer = self._asked(config, precision)
            self._log.append((precision, config, answer))
            if answer is not True:
                self.declined.setdefault(str(answer), set()).add(precision)
        return self._answers[config, precision]

    def _asked(self, config: PeerConfig, precision: str) -> bool | str:
        """The answer for the dtype of the learned parameters, which several precisions share."""
        dtype = PRECISIONS[precision].parameters
        key = (config, dtype.name)
        if key not in self._of_dtype:
            self._of_dtype[key] = _shortened(supports(self._host, config, dtype))
        return self._of_dtype[key]


def _shortened(answer: bool | str) -> bool | str:
    return f"{answer[: _LETTERS - 1]}…" if isinstance(answer, str) and len(answer) > _LETTERS else answer
