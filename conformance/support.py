"""What a backend takes and declines in one run, and the level that follows from it (CNF-4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from peerspec.conformance.hosts.host import Host, supports
from peerspec.conformance.kinds import Level
from peerspec.conformance.levels import BASE_ACTIVATIONS, full_requires, in_base, stand_ins, with_k
from peerspec.reference import PRECISIONS, PeerConfig

__all__ = ["Refusal", "Support"]


@dataclass(frozen=True)
class Refusal:
    """A configuration that a backend declines although the level base requires it with this or another activation.

    Attributes:
        config, precision: what it declines.
        answer: its reason.
        drawn: whether an exploration drew it, so that it belongs to no case of the plan.
    """

    config: PeerConfig
    precision: str
    answer: str
    drawn: bool


class Support:
    """The answers of ``supports``, each asked for once.

    A backend has the level base in a precision as soon as it declines a configuration that the level full requires.
    Any method raises ``Fault`` if the backend gives no answer.

    Args:
        host: the backend.
        configs: the configurations of a plan by precision.

    Attributes:
        declined: the configurations that the backend declined, each with its reason.
    """

    def __init__(self, host: Host, configs: Mapping[str, Sequence[PeerConfig]]) -> None:
        self._host = host
        self._configs = {precision: dict.fromkeys(found) for precision, found in configs.items()}
        self._drawn: set[tuple[PeerConfig, str]] = set()
        self.declined: set[str] = set()
        self._answers: dict[tuple[PeerConfig, str], bool | str] = {}

    @property
    def level(self) -> Level:
        """The level of the configurations asked for so far, over all precisions."""
        return Level.BASE if any(True for _ in self._refused_by_full()) else Level.FULL

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions of the configurations."""
        return tuple(self._configs)

    def taken(self, config: PeerConfig, precision: str, *, own_activation: bool = False) -> PeerConfig | str:
        """The configuration itself, at the level base one that stands for it, or the reason for declining all of them.

        Args:
            config, precision: what is asked for.
            own_activation: whether only configurations with its activation may stand for it.
        """
        if config not in (asked := self._configs.setdefault(precision, {})):
            asked[config] = None
            self._drawn.add((config, precision))
        answer = self._answer(config, precision)
        if answer is True:
            return config
        if self._level_in(precision) is Level.BASE:
            for other in stand_ins(config, own_activation=own_activation):
                answer = self._answer(other, precision)
                if answer is True:
                    return other
        return str(answer) or "no reason given"

    def declines_k(self, n: int, k: int, precision: str) -> str:
        """The reason for which the backend declines to select k of n² experts; empty if it takes k."""
        answers = [] if k <= n else [self._answer(with_k(n, k, kind), precision) for kind in BASE_ACTIVATIONS]
        return "" if not answers or True in answers else str(answers[0]) or "no reason given"

    def refusals(self) -> Iterator[Refusal]:
        """What keeps the backend below the level base, one for each precision at most."""
        for precision in self._configs:
            if self._level_in(precision) is Level.BASE:
                yield from self._below_base(precision)

    def _below_base(self, precision: str) -> Iterator[Refusal]:
        """A refusal with the activation that is refused least; nothing if one of them is never refused."""
        refused = [list(self._refused(activation, precision)) for activation in BASE_ACTIVATIONS]
        if all(refused):
            yield min(refused, key=len)[0]

    def _refused(self, activation: str, precision: str) -> Iterator[Refusal]:
        based: dict[PeerConfig, bool] = {}
        for asked in self._configs[precision]:
            if config := in_base(asked, activation):
                based.setdefault(config, (asked, precision) in self._drawn)
        for config, drawn in based.items():
            if (answer := self._answer(config, precision)) is not True:
                yield Refusal(config, precision, str(answer), drawn)

    def _level_in(self, precision: str) -> Level:
        for config in self._configs.get(precision, ()):
            if full_requires(config):
                self._answer(config, precision)
        return Level.BASE if precision in self._refused_by_full() else Level.FULL

    def _refused_by_full(self) -> Iterator[str]:
        """The precisions in which the backend declined a configuration that the level full requires."""
        for (config, precision), answer in self._answers.items():
            if answer is not True and full_requires(config):
                yield precision

    def _answer(self, config: PeerConfig, precision: str) -> bool | str:
        key = (config, precision)
        if key not in self._answers:
            self._answers[key] = answer = supports(self._host, config, PRECISIONS[precision].parameters)
            if answer is not True:
                self.declined.add(f"{precision}, {config.activation}: {answer}")
        return self._answers[key]
