"""Learn one text, then another: what happens to the first, with growth and freezing and without.

    python train.py FIRST SECOND --steps 300 --plot lifelong.svg

A small language model learns the bytes of the first text. Then three copies learn the second text: one as it is, one
whose PEER layer has grown, and one that has grown and trains nothing but its new experts and sub-keys. The program
prints the loss of each copy on both texts, before and after.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
from pathlib import Path

# otherwise waiting threads of torch keep the processors busy that the native core needs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "language_model"))

from model import LanguageModel, LanguageModelConfig
from text import Text, evaluate, loss_of, read, windows

from peerspec.backends.torch import LazyAdam, Trainable, grow, train_part
from peerspec.reference import PeerConfig

WIDTH, CONTEXT, BATCH, EVERY = 64, 64, 16, 10
SMALL, LARGE = 32**2, 64**2
"""Numbers of experts before and after growth."""
Curve = list[tuple[int, float, float]]
"""Steps on the second text, with the losses on the first and on the second."""


def train(
    model: LanguageModel,
    optimiser: torch.optim.Optimizer,
    text: Text,
    steps: int,
    watched: tuple[Text, Text],
) -> Curve:
    """Train on a text, and follow the loss on both."""
    draws, curve = torch.Generator().manual_seed(1), [(0, *(evaluate(model, each) for each in watched))]
    for step in range(1, steps + 1):
        optimiser.zero_grad()
        loss_of(model, windows(text, draws, BATCH, CONTEXT)).backward()
        optimiser.step()
        if step % EVERY == 0 or step == steps:
            curve.append((step, *(evaluate(model, each) for each in watched)))
    return curve


def optimiser_of(model: LanguageModel) -> torch.optim.Optimizer:
    """One optimiser of rows for all parameters; a dense gradient touches every row."""
    return LazyAdam(model.parameters(), lr=3e-3)


def grown(model: LanguageModel, optimiser: torch.optim.Optimizer) -> LanguageModel:
    """The model with a larger PEER layer; the optimiser goes on with the state of the old one."""
    model.blocks[model.config.layers // 2].feed_forward = grow(model.peer, LARGE, optimisers=optimiser, init="zero")
    return model


def learn_second(
    model: LanguageModel, steps: int, first: tuple[Text, Text], second: tuple[Text, Text]
) -> dict[str, Curve]:
    """The curves of the three copies."""
    curves, watched = {}, (first[1], second[1])
    for name in ("as it is", "grown", "grown, old frozen"):
        mine = copy.deepcopy(model)
        optimiser = optimiser_of(mine)
        if name != "as it is":
            mine = grown(mine, optimiser)
        if name == "grown, old frozen":
            part = Trainable.new(model.config.peer, LARGE)
            mine.requires_grad_(False).peer.requires_grad_(True)
            with train_part(mine.peer, part, optimiser):
                curves[name] = train(mine, optimiser, second[0], steps, watched)
        else:
            curves[name] = train(mine, optimiser, second[0], steps, watched)
        show(name, curves[name])
    return curves


def show(name: str, curve: Curve) -> None:
    """The losses at the beginning and at the end."""
    (_, first, second), (_, first_after, second_after) = curve[0], curve[-1]
    print(f"{name:18} first {first:5.2f} → {first_after:5.2f}, second {second:5.2f} → {second_after:5.2f}", flush=True)


def plot(curves: dict[str, Curve], path: Path) -> None:
    """Both losses over the steps on the second text."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.4), sharex=True, layout="constrained")
    for axis, column, title in zip(axes, (1, 2), ("first text", "second text"), strict=True):
        for (name, curve), colour in zip(curves.items(), ("#b2182b", "#e08214", "#2166ac"), strict=True):
            axis.plot([point[0] for point in curve], [point[column] for point in curve], color=colour, label=name, lw=2)
        axis.set_title(f"loss on the {title}, held out", loc="left", fontsize=10)
        axis.set_xlabel("steps on the second text")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("nats per byte")
    axes[1].legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--steps", type=int, default=300, help="on each text")
    parser.add_argument("--plot", type=Path, help="write the curves to this picture, .svg or .png")
    options = parser.parse_args()
    for path in (options.first, options.second):
        if not path.is_file():
            parser.error(f"{path} is not a file; name two text files")
    first, second = read(options.first, CONTEXT), read(options.second, CONTEXT)
    torch.manual_seed(0)
    model = LanguageModel(LanguageModelConfig(PeerConfig(WIDTH, 4, SMALL, 8, 32), context=CONTEXT))
    curve = train(model, optimiser_of(model), first[0], options.steps, (first[1], second[1]))
    show("first text", curve)
    curves = learn_second(model, options.steps, first, second)
    if options.plot:
        plot(curves, options.plot)


if __name__ == "__main__":
    main()
