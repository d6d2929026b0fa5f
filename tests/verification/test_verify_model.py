"""``verify_model`` as a library: typed results per layer, without the command."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from support.models import write_chain

from peerspec.export import ExportError, export
from peerspec.export.table_error import table_error
from peerspec.reference import Layer, PeerConfig
from peerspec.verification import LayerVerification, verify_model

CONFIGS = [PeerConfig(6, 2, 49, 3, 4, activation="relu"), PeerConfig(6, 2, 49, 3, 4, gate="sigmoid", expert="glu")]


@pytest.fixture
def layers():
    return [Layer.random(config, seed=at) for at, config in enumerate(CONFIGS)]


@pytest.fixture
def chain(layers, tmp_path):
    """A model of two layers, "0" and "1"."""
    write_chain(layers, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_each_layer_of_a_model_has_its_own_report(chain):
    found = verify_model(chain)
    assert all(isinstance(outcome, LayerVerification) for outcome in found)
    assert [outcome.node for outcome in found] == ["0", "1"]
    assert [outcome.report.exit_status for outcome in found] == [0, 0]
    assert [outcome.report.claimed for outcome in found] == [
        ("float32", "select"),
        ("float32", "select", "glu", "sigmoid"),
    ]
    assert [(outcome.tables, outcome.table_error) for outcome in found] == [(None, None)] * 2


def test_one_layer_of_a_model_is_verified_by_name(chain):
    [outcome] = verify_model(chain, node="1")
    assert (outcome.node, outcome.report.exit_status) == ("1", 0)


def test_a_layer_is_compared_bit_for_bit(chain, layers):
    [outcome] = verify_model(str(chain), layers[1], node="1")
    assert outcome.report.exit_status == 0
    assert outcome.report.findings[0].check == "model.parameters"
    layers[1].params["experts.v"][7, 2] = np.nextafter(layers[1].params["experts.v"][7, 2], np.float32(9))
    [outcome] = verify_model(chain, layers[1], node="1")
    assert outcome.report.exit_status == 1
    assert "experts.v differ from the layer's" in outcome.report.findings[0].message
    assert len(outcome.report.findings) == 1


def test_another_layer_is_a_report_that_names_the_difference(chain, layers):
    [outcome] = verify_model(chain, layers[0], node="1")
    assert outcome.report.exit_status == 1
    assert "gate is 'sigmoid', expected 'softmax'" in outcome.report.findings[0].message


@pytest.mark.parametrize("tables", ["float16", "int8"])
def test_the_error_of_tables_in_fewer_bytes_is_measured_or_read(layers, tmp_path, tables):
    export(layers[1], tmp_path / "model.onnx", tables=tables)
    [measured], [stated] = verify_model(tmp_path / "model.onnx", layers[1]), verify_model(tmp_path / "model.onnx")
    assert measured.report.exit_status == stated.report.exit_status == 0
    assert measured.tables == stated.tables == tables
    assert measured.table_error == table_error(layers[1], tables) == stated.table_error
    assert 0 < measured.table_error < 0.02


def test_a_model_of_standard_operators_has_one_layer_without_a_node(layers, tmp_path):
    export(layers[0], tmp_path / "model.onnx", inline=True)
    [outcome] = verify_model(tmp_path / "model.onnx", layers[0])
    assert (outcome.node, outcome.report.exit_status) == ("", 0)


def test_what_cannot_be_verified_is_an_error(chain, layers, tmp_path):
    with pytest.raises(ExportError, match="holds 2 layers, '0', '1'; name one of them"):
        verify_model(chain, layers[0])
    with pytest.raises(ExportError, match="has no layer '7'; it has '0', '1'"):
        verify_model(chain, node="7")
    with pytest.raises(ExportError, match="is not a file"):
        verify_model(tmp_path / "absent.onnx")
    data = tmp_path / "model.onnx.data"
    data.write_bytes(data.read_bytes()[:-1] + b"\0")
    with pytest.raises(ExportError, match="was changed: its SHA-256"):
        verify_model(chain)


def test_the_library_needs_no_command(chain):
    code = (
        "import sys; from peerspec.verification import verify_model; "
        f"print([found.report.exit_status for found in verify_model({str(chain)!r})], "
        "{name for name in sys.modules if name.startswith(('peerspec.cli', 'typer'))})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[0, 0] set()\n"
