# `make` alone lists the targets. Everything runs in .venv, made here with python3 and pip.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint tables golden zoo peers clean

help:
	@echo "make demo     set up without torch, compile ResNet-50 to PyTorch and ONNX, print its cost"
	@echo "make test     set up with everything and run all tests"
	@echo "make lint     ruff and mypy"
	@echo "make tables   rebuild the grammar's tables after a change of grammar/cnn.lark"
	@echo "make golden   rewrite the golden files; read the difference before committing it"
	@echo "make zoo      rewrite docs/zoo.md, the table of networks"
	@echo "make peers    measure other tools in .venv-peers, rewrite docs/peers.md and tests/data/peers.json"
	@echo "make clean    remove .venv, .venv-peers, demo/ and caches"

.venv/base: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/test: .venv/base
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

demo: .venv/base
	@mkdir -p demo
	$(BIN)/cnnc compile examples/resnet50.cnn -o demo/resnet50.py
	$(BIN)/cnnc compile examples/resnet50.cnn -o demo/resnet50.onnx
	$(BIN)/cnnc analyze examples/resnet50.cnn --by block

test: .venv/test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

tables: .venv/base
	$(BIN)/python -m cnnc.grammar.build

golden: .venv/test
	$(BIN)/python -m pytest --update-golden

zoo: .venv/base
	$(BIN)/python examples/zoo/table.py

.venv-peers/done: pyproject.toml benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --editable . --requirement benchmarks/requirements.txt
	@touch $@

peers: .venv-peers/done
	.venv-peers/bin/python benchmarks/peers.py

clean:
	rm -rf .venv .venv-peers demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
