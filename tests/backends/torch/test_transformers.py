"""Models of the package transformers whose feed-forward blocks are PEER layers; small ones, with random parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedModel,
)
from transformers.utils import logging

from peerspec.backends.torch import PEER, layers_metadata, peer_layers, replace_ffn
from peerspec.reference import InputError, PeerConfig, list_layers

CONFIG = PeerConfig(d_model=16, heads=2, num_experts=64, top_k=4, d_key=8, query_norm="batch")
SIZES = {
    "vocab_size": 64,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
}
GPT2_SIZES = {"vocab_size": 64, "n_positions": 32, "n_embd": 16, "n_layer": 4, "n_head": 2}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "Llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, **SPECIAL)),
    "GPT-2": lambda: GPT2LMHeadModel(GPT2Config(**GPT2_SIZES, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, **SPECIAL)),
    "ModernBERT": lambda: ModernBertForMaskedLM(ModernBertConfig(**SIZES, **SPECIAL, cls_token_id=1, sep_token_id=2)),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Without progress bars."""
    logging.disable_progress_bar()
    yield
    logging.enable_progress_bar()


def model_of(name: str = "Llama", seed: int = 0) -> PreTrainedModel:
    """A model whose second and fourth blocks have PEER layers."""
    torch.manual_seed(seed)
    model = MODELS[name]()
    assert len(replace_ffn(model, "[13].mlp", CONFIG)) == 2
    return model


def text(seed: int = 1) -> Tensor:
    return torch.randint(3, 64, (2, 10), generator=torch.Generator().manual_seed(seed))


def gradients(model: PreTrainedModel) -> dict[str, Tensor]:
    model.zero_grad()
    model(input_ids=text(), labels=text()).loss.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.stack(
    "torch", "transformers", "Llama, GPT-2 and ModernBERT with replaced blocks: `forward`, `backward`, steps"
)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_with_replaced_blocks_learns(name: str) -> None:
    model = model_of(name)
    assert all(gradient is not None and gradient.any() for gradient in gradients(model).values())
    optimiser, losses = torch.optim.Adam(model.parameters(), lr=1e-2), []
    for _ in range(20):
        loss = model(input_ids=text(), labels=text()).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.stack("torch", "transformers", "`generate` with a cache")
@pytest.mark.parametrize("name", ["Llama", "GPT-2"])
def test_generation_with_a_cache_continues_as_without(name: str) -> None:
    model = model_of(name)
    gradients(model)  # gives running statistics that are not those of a new layer
    model.eval()
    options = {"attention_mask": torch.ones(2, 10, dtype=torch.long), "do_sample": False, "min_new_tokens": 12}
    cached, whole = (model.generate(text(), **options, max_new_tokens=12, use_cache=use) for use in (True, False))
    assert cached.shape == (2, 22)
    assert torch.equal(cached, whole)


@pytest.mark.stack("torch", "transformers", "activation checkpointing of the model, reentrant or not")
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_of_the_model_changes_no_gradient(reentrant: bool) -> None:
    model = model_of()
    model.config.use_cache = False
    whole = gradients(copy.deepcopy(model))
    model.activation_checkpointing_enable({"use_reentrant": reentrant})
    found = gradients(model)
    assert all(torch.equal(found[name], gradient) for name, gradient in whole.items())


class WithPEER(LlamaForCausalLM):
    """A Llama that makes its layers itself, from its configuration."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        replace_ffn(self, config.peer_blocks, PeerConfig(**config.peer))


@pytest.mark.stack(
    "torch", "transformers", "`save_pretrained` and `from_pretrained` of a class that replaces its blocks"
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_class_that_replaces_its_blocks_is_saved_and_loaded(dtype: torch.dtype, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = WithPEER(LlamaConfig(**SIZES, **SPECIAL, peer=asdict(CONFIG), peer_blocks="[13].mlp")).to(dtype)
    gradients(model)
    model.save_pretrained(tmp_path)
    loaded, about = WithPEER.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(about.values())
    assert loaded.dtype == dtype
    assert list(peer_layers(loaded)) == ["model.layers.1.mlp", "model.layers.3.mlp"]
    for name, layer in peer_layers(loaded).items():
        before = model.get_submodule(name).state_dict()
        assert all(torch.equal(tensor, before[key]) for key, tensor in layer.state_dict().items())
        assert layer.query_norm.mean.dtype == torch.float32
        assert layer.query_norm.mean.any()
    with torch.no_grad():
        assert torch.equal(loaded(text()).logits, model.eval()(text()).logits)


@pytest.mark.stack(
    "torch", "transformers", "`save_pretrained` of any changed model; its file loaded into a model changed again"
)
def test_the_file_of_a_changed_model_is_loaded_into_a_model_that_was_changed_again(tmp_path: Path) -> None:
    model, other = model_of().eval(), model_of(seed=1).eval()
    model.save_pretrained(tmp_path)
    assert load_model(other, tmp_path / "model.safetensors") == (set(), [])
    with torch.no_grad():
        assert torch.equal(other(text()).logits, model(text()).logits)


def test_the_class_of_the_package_reports_the_layers_that_it_does_not_know(tmp_path: Path) -> None:
    model_of().save_pretrained(tmp_path)
    _, about = LlamaForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert {name.rpartition(".mlp.")[0] for name in about["unexpected_keys"]} == {"model.layers.1", "model.layers.3"}
    assert {name.rpartition(".mlp.")[2] for name in about["missing_keys"]} == {
        "gate_proj.weight",
        "up_proj.weight",
        "down_proj.weight",
    }


@pytest.mark.parametrize("name", MODELS)
def test_a_model_file_of_a_changed_model_is_read_back(name: str, tmp_path: Path) -> None:
    model, path = model_of(name).eval(), tmp_path / "model.safetensors"
    save_model(model, str(path), metadata={"format": "pt", **layers_metadata(model)})
    other, layers = MODELS[name]().eval(), list_layers(path)
    replace_ffn(other, lambda name, _: name in layers, lambda name, _: layers[name])
    assert load_model(other, path) == (set(), [])
    with torch.no_grad():
        assert torch.equal(other(text()).logits, model(text()).logits)


class WithoutScores(nn.Module):
    """A layer for a block that returns router scores too."""

    def __init__(self, layer: PEER) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden: Tensor) -> tuple[Tensor, None]:
        return self.layer(hidden), None


MIXTURES: dict[str, tuple[Callable[[], PreTrainedModel], Callable[[PEER], nn.Module]]] = {
    "Mixtral": (
        lambda: MixtralForCausalLM(MixtralConfig(**SIZES, num_key_value_heads=2, **SPECIAL, num_local_experts=4)),
        lambda layer: layer,
    ),
    "gpt-oss": (
        lambda: GptOssForCausalLM(
            GptOssConfig(**SIZES, num_key_value_heads=2, **SPECIAL, head_dim=8, num_local_experts=4)
        ),
        WithoutScores,
    ),
}


@pytest.mark.stack("torch", "transformers", "mixtures of experts, Mixtral and gpt-oss, with `wrap`")
@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_of_experts_is_replaced_by_a_wrapped_layer(name: str) -> None:
    make, wrap = MIXTURES[name]
    torch.manual_seed(0)
    model = make()
    assert len(replace_ffn(model, "mlp", CONFIG, wrap=wrap)) == len(peer_layers(model)) == 4
    found = gradients(model)
    assert all(found[f"{layer}.experts.u"].any() for layer in peer_layers(model))


@pytest.mark.stack(
    "torch", "transformers", "mixtures of experts, whose blocks do not run on meta, without `wrap`", refused=True
)
@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_of_experts_is_refused_without_a_wrapper(name: str) -> None:
    with pytest.raises(InputError, match=r"'model\.layers\.0\.mlp' cannot be replaced: .*; give .*, or pass wrap"):
        replace_ffn(MIXTURES[name][0](), "mlp", CONFIG)


@pytest.mark.stack("torch", "transformers", "BERT, whose block is two modules: the layer in the place of the second")
def test_a_block_of_two_modules_becomes_nothing_and_a_layer() -> None:
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(**SIZES))
    for layer in model.bert.encoder.layer:
        layer.intermediate, layer.output.dense = nn.Identity(), PEER(CONFIG)
    assert list(peer_layers(model)) == [f"bert.encoder.layer.{number}.output.dense" for number in range(4)]
    found = gradients(model)
    assert all(found[f"{name}.experts.v"].any() for name in peer_layers(model))


@pytest.mark.parametrize("where", ["layer.*.intermediate", "layer.*.output", "layer.*.output.dense"])
def test_a_part_of_such_a_block_is_refused(where: str) -> None:
    with pytest.raises(
        InputError, match=r"cannot be replaced: .*(width 32|takes other arguments|does not take tokens)"
    ):
        replace_ffn(BertForMaskedLM(BertConfig(**SIZES)), where, CONFIG)
