"""The words of problems: one template for each kind of problem, fault and hint. No code reads the rendered words."""

from __future__ import annotations

from typing import Any

from peerspec.conformance.kinds import Reason
from peerspec.conformance.problems import FaultKind, Hint, HintKind, Problem, ProblemKind
from peerspec.files.shown import printable

__all__ = ["message", "sentence"]

TEMPLATES: dict[str, str] = {
    ProblemKind.ROUTING_INCOMPLETE: "the routing must be complete or absent, but {missing} is None",
    ProblemKind.EXPERT_COUNT: "{part} must list k = {expected} experts for each token and head, got {got}",
    ProblemKind.SHAPE: "{part} must have shape {expected}, got {got}",
    ProblemKind.DTYPE: "{part} must have dtype {expected}, got {got}",
    ProblemKind.ID_OUT_OF_RANGE: "ids must lie in 0..{last}, got {low}..{high}",
    ProblemKind.ID_REPEATED: "the ids of one head must be distinct, got {got}",
    ProblemKind.STATE_NAMES: "the returned state must hold {expected}, got {got}",
    ProblemKind.INPUT_MODIFIED: "{method}() modified its input {names}",
    ProblemKind.EARLIER_RESULT_CHANGED: (
        "the results {names} of an earlier call of {earlier}() had other values after a call of {method}(); return "
        "arrays that later calls do not write to"
    ),
    ProblemKind.EARLIER_INPUT_CHANGED: (
        "the inputs {names} of an earlier call of {earlier}() had other values after a call of {method}(); write to no "
        "input, also after the call"
    ),
    ProblemKind.GRADIENT_MISSING: "gradients() must return the gradient of {name}",
    ProblemKind.GRADIENT_UNKNOWN: (
        "gradients() returned {name!r}, which is neither a learned parameter of this layer nor x"
    ),
    ProblemKind.OUT_OF_BOUND: (
        "{quantity} at {place}: expected {expected:.9g}, got {got:.9g}, off by {error:.3g}, {size}"
    ),
    ProblemKind.GATES_NOT_FINITE: (
        "gates are not finite at scores up to {largest:g}; subtract the maximum of each head before exp"
    ),
    ProblemKind.GATE_SUM: (
        "the {k} gates of token {token}, head {head} must sum to 1, got {got:.9g}: the softmax is over the k selected "
        "scores of one head"
    ),
    ProblemKind.NAN_LOST: "{count} entries of y are not NaN although x of their token holds a NaN",
    ProblemKind.NOT_LINEAR: "y must be exactly {factor:g} times as large when v is; a term without v is added to it",
    ProblemKind.NOT_ODD: (
        "the scores of −x must be minus the scores of x: scores are sums of two inner products, not products or "
        "magnitudes"
    ),
    ProblemKind.NONZERO_GRADIENT: "the gradient of {name} is not zero in row {row}, which no token selected",
    ProblemKind.WRONG_ID: (
        "the expert of sub-keys i = {i} and j = {j}, n = {n}, must have the id i·n + j = {expected}, got {got}"
    ),
    ProblemKind.SCORES_NOT_BEST: "the scores are not those of the best pairs of sub-keys",
    ProblemKind.LEFT_OUT: (
        "token {token}, head {head}: expert {left} was omitted although its score exceeds that of the selected expert "
        "{taken} by {excess:.3g} beyond both bounds"
    ),
    ProblemKind.ORDER: "token {token}, head {head}: expected the ids {expected}, got {got}",
    ProblemKind.SELECTED_IDS: "half scores of row {row}: expected the ids {expected}, got {got}",
    ProblemKind.SELECTED_SCORE: (
        "row {row}, position {position}: the score must be the sum rounded once, {expected!r}, got {got!r}"
    ),
    ProblemKind.GROWN_NAMES: "grow() must return the parameters {expected}, got {got}",
    ProblemKind.GROWN_NO_LAYER: "the parameters of the layer of {experts} experts are no layer: {reason}",
    ProblemKind.GROWN_BITS: (
        "{name}{at} of the old layer has other bits in the layer of {experts} experts; the expert i·n + j becomes "
        "i·n′ + j, and everything else keeps its place"
    ),
    ProblemKind.GROWN_BY_STEPS: (
        "growing to {few} and then to {many} experts gave another {name}{at} than growing to {many} at once, with "
        "the same seed"
    ),
    ProblemKind.GROWTH_NOT_REPEATED: "growing again with the same seed gave another {name}",
    ProblemKind.GROWTH_NOT_REFUSED: "growing from {experts} to {wanted} experts must be an error, got an answer",
    ProblemKind.TRAINED_NAMES: "train() must return the parameters {expected}, got {got}",
    ProblemKind.TRAINED_OUTSIDE: (
        "where {part} may change, step {step} changed {name}{at}, which must keep its bits: no gradient, no weight "
        "decay and no momentum may reach it"
    ),
    ProblemKind.NOT_TRAINED: "where {part} may change, a step left {name} as it was, although it has a gradient there",
    ProblemKind.TRAINED_OTHERWISE: (
        "where {part} may change, a step changed {name}{at} in another way than a step on the whole layer does, with "
        "the same gradient"
    ),
    ProblemKind.TRAINING_NOT_REPEATED: "the same steps gave another {name} when they were made again",
    ProblemKind.COMPARISON_NAMES: "comparison() must return {expected}, or y alone, got {got}",
    ProblemKind.COMPARISON_GRADIENTS: "comparison_gradients() must return the gradients {expected}, got {got}",
    ProblemKind.EXPERT_REPEATED: "the experts of one token must be distinct, got {got}",
    ProblemKind.EXPERT_LEFT_OUT: (
        "token {token}: expert {left} was not chosen although its logit exceeds that of the chosen expert {taken} by "
        "{excess:.3g} beyond both bounds"
    ),
    ProblemKind.EXPERT_ORDER: "token {token}: expected the experts {expected} in this order, got {got}",
    ProblemKind.KEPT: (
        "token {token}, choice {position}: kept must be {expected}, got {got}; an expert computes the first choices of "
        "it by eligible tokens, up to its capacity: first choices before second ones, then earlier tokens"
    ),
    ProblemKind.NOT_ELIGIBLE: (
        "expert {expert} chose token {token}, which does not count or whose logits are not all finite"
    ),
    ProblemKind.CAPACITY: "expert {expert} must choose {expected} of {tokens} eligible tokens, got {got}",
    ProblemKind.TOKEN_LEFT_OUT: (
        "expert {expert}: token {left} was not chosen although its score exceeds that of the chosen token {taken} by "
        "{excess:.3g} beyond both bounds"
    ),
    ProblemKind.TOKEN_ORDER: (
        "expert {expert}: of tokens with equal scores the earlier ones are chosen, expected the tokens {expected}, "
        "got {got}"
    ),
    ProblemKind.PADDING_NOT_ZERO: "y of token {token}, which does not count, must be 0, got {got:.9g}",
    ProblemKind.NOT_AS_PEER: (
        "{part} must have the bits that forward() returns for the PEER layer with these queries and sub-keys, because "
        "both have the same half scores"
    ),
    ProblemKind.ADAPTED_NAMES: (
        "adapt() must return {expected}, with scores, indices and gates or none of these three, got {got}"
    ),
    ProblemKind.ADAPTED_ROUTING: (
        "{part}{at} of adapt() must have the bits that forward() returns for a layer with the parameters of the router"
    ),
    ProblemKind.ADAPTED_BASE: (
        "y of {target}{at} must be that of its base alone {place}, {expected:.9g}, got {got:.9g}; add nothing to it "
        "that depends on the adapter and is not a part of the change"
    ),
    ProblemKind.ADAPTED_ALONE: (
        "y of {target}{at} has other bits if {left} is left out; compute each target as if it were the only one"
    ),
    ProblemKind.ADAPTER_GRADIENT_NAMES: (
        "adapter_gradients() must return the gradients of {expected}, and of no base, got {got}"
    ),
    ProblemKind.ADAPTER_NOT_REPEATED: "the same adapter and input gave another {name} in a later call",
    ProblemKind.NOT_REPEATED: "the same input gave another result in a later call, first in {part}",
    ProblemKind.GRADIENT_NOT_REPEATED: "the same input gave another gradient of {names} in a later call",
    ProblemKind.SELECTION_NOT_REPEATED: "the same half scores gave another selection in a later call, first in {part}",
    ProblemKind.STATE_NOT_REPEATED: "the same training input gave another {names} in the second call",
    ProblemKind.STALE_FOR_INPUT: "another input of the same shape gave the answer of the first input",
    ProblemKind.STALE_FOR_TOKENS: "another input with the same token {same} gave the answer of the first input",
    ProblemKind.STALE_FOR_PARAMETER: "another {name} gave the answer of the first call",
    ProblemKind.STALE_FOR_CHANGE: (
        "a change of {what} alone left {part} as it was, bit for bit, as if {method}() had stored its answer"
    ),
    ProblemKind.TOKEN_FOLLOWS_OTHERS: "a change of all other tokens changed token {token}, first in {part}",
    ProblemKind.OTHERS_FOLLOW_TOKEN: "a change of token {token} changed another token, first in {part}",
    ProblemKind.NON_FINITE_SPREADS: "a token that is not finite changed another token, first in {part}",
    ProblemKind.REFUSAL_MISSING: "training without a counted token must be an error, got an answer for {tokens} tokens",
    ProblemKind.NO_PRECISION: "it claims no precision; claim at least one of {known}",
    ProblemKind.TAKEN_NOT_ANSWERED: "supports() does not decline this configuration, but {said}",
    ProblemKind.DECLINES_REQUIRED: (
        "it declines {relu}, with relu and with gelu, although M = D, D is a multiple of 8, and k ≤ n: {answers}"
    ),
    ProblemKind.DECLINES_EACH_ACTIVATION: (
        "it must take relu, or gelu, wherever M = D, D is a multiple of 8, and k ≤ n, but declines {relu}, with relu, "
        "and {gelu}, with gelu: {answers}"
    ),
    ProblemKind.UNDECIDED: "none of its cases decided anything",
    ProblemKind.STALE_WAIVER: "its waiver is stale: {check} does not fail; remove the waiver",
    ProblemKind.PROFILE_NOT_CLAIMED: "the profile {profile} is not claimed",
    ProblemKind.CONFIGURATION_DECLINED: "the backend declined every case: {answers}",
    ProblemKind.ROUTING_NOT_SHOWN: "the backend shows no routing",
    FaultKind.METHOD_MISSING: "it has no {method}(), which the profiles it claims need",
    FaultKind.RAISED: "{method}() raised {exception}: {detail}",
    FaultKind.REFUSED: "{detail}",
    FaultKind.TIMED_OUT: "{method} gave no answer within {limit:g} s, the limit of --timeout; the run was ended",
    FaultKind.NOT_STARTED: (
        "{method} gave no answer within {limit:g} s, the limit of a start, or of --timeout if that is longer; "
        "the run was ended"
    ),
    FaultKind.DIED: "its process died during {method} ({detail})",
    FaultKind.EXITED: "{method}() ended with {exception}",
    FaultKind.WRONG_TYPE: "{method}() must return {expected}, got {got}",
    FaultKind.NO_ARRAY: "{part} must be an array of numbers of at most 64 bits, got {got}",
    FaultKind.ARRAY_UNREADABLE: "{part} cannot be read as an array: {exception}: {detail}",
    FaultKind.PROTOCOL: "{detail}",
}
"""By kind of a problem or of a fault."""

HINTS: dict[str, str] = {
    HintKind.X_SHAPE: ", for x of shape {x}",
    HintKind.NARROW_DTYPE: "; all errors are small, as if a stage computed in a narrower dtype",
    HintKind.FACTOR: "; y is {factor:.6g} times the expected value",
    HintKind.HEADS_AVERAGED: ", which is 1/h: heads are averaged instead of summed (OUT-2)",
    HintKind.SCORE_SCALE: "; all scores are {factor:.6g} times the expected ones: a scale (SCO-1)",
    HintKind.RETURNED_GATES_FIT: "; y fits the returned gates, but these are not the gates of the reference",
    HintKind.KNOWN_GATES: "; they are {known}",
    HintKind.SCORES_ARE_BEST: "; the scores are those of the best experts, but the ids are not",
    HintKind.NUMBERING: "; all ids fit {formula}",
    HintKind.SHARED_SELECTION: "; all heads selected the same experts",
    HintKind.SAME_EXPERTS: "; these are the same experts in another order",
    HintKind.ROUTING_NOT_SHOWN: "; the backend shows no routing",
    HintKind.LATER_CALL: "; in a later call on the same case",
    HintKind.HOLDS_WITHOUT: "; without {option} the same check holds",
    HintKind.STAND_IN: "; with {config} instead of the configuration of the case, which the backend declines",
    HintKind.EXPLORED: "; in an explored case: {case}",
}
"""By kind of a hint; each continues the sentence of its problem."""


def message(problem: Problem, reason: Reason) -> str:
    """The sentence of a finding."""
    said = sentence(problem)
    return f"not checked, because {said}" if reason is Reason.BLOCKED else said


def sentence(problem: Problem) -> str:
    """The problem in words, with its hints."""
    return _filled(TEMPLATES, problem.kind, _facts(problem)) + "".join(map(_hint, problem.hints))


def _hint(hint: Hint) -> str:
    return _filled(HINTS, hint.kind, hint.values)


def _filled(templates: dict[str, str], kind: str, values: dict[str, Any]) -> str:
    return templates[kind].format_map({name: _shown(value) for name, value in values.items()})


def _facts(problem: Problem) -> dict[str, Any]:
    """All values by name; for a value out of bound also the place, the error and the size in words."""
    facts = problem.values | problem.where
    if problem.kind == ProblemKind.TAKEN_NOT_ANSWERED:
        facts["said"] = sentence(Problem(facts["fault"], problem.values))
    if problem.kind == ProblemKind.OUT_OF_BOUND:
        facts["place"] = ", ".join(f"{axis} {index}" for axis, index in problem.where.items())
        facts["error"] = abs(facts["got"] - facts["expected"])
        size = "must be exact" if facts["bound"] == 0 else "{share:.3g} times the bound {bound:.3g}"
        facts["size"] = size.format_map(facts)
    return facts


def _shown(value: Any) -> Any:
    """A list of names is joined, and a text is harmless; everything else is shown as Python shows it."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return printable(", ".join(value)) or "nothing"
    return printable(value) if type(value) is str else value
