# `make` alone lists the targets. Everything runs in .venv, made here with python3 and pip.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo train-demo test test-training test-trust test-browser coverage lint tables golden zoo peers speed trust commands screenshots clean

help:
	@echo "make demo     set up without torch, compile ResNet-50 to PyTorch and ONNX, print its cost"
	@echo "make train-demo  set up for training, train a small network on scikit-learn's digits to over 98 %"
	@echo "make test     set up with everything and run all tests but the three groups that follow"
	@echo "make test-training  run whole trainings: what the examples learn, kill and resume, two processes (3 minutes)"
	@echo "make test-browser  run the HTML page's tests in Chromium (Debian: apt-get install chromium)"
	@echo "make test-trust  random programs, foreign cases, hostile input, kills: some hundreds of each (3 minutes)"
	@echo "make coverage  run what make test runs and measure the branches of compiler/ and backends/ it reaches, at least 95 %"
	@echo "make lint     ruff and mypy"
	@echo "make tables   rebuild the grammar's tables after a change of grammar/cnn.lark"
	@echo "make golden   rewrite the golden files; read the difference before committing it"
	@echo "make zoo      rewrite docs/zoo.md, the table of networks"
	@echo "make peers    measure other tools in .venv-peers, rewrite docs/peers.md and tests/data/peers.json"
	@echo "make trust    random programs, hostile input, kills and mutants in large numbers, rewrite docs/trust.md (hours)"
	@echo "make speed    measure cnnc beside other tools in .venv-speed, rewrite docs/speed.md (a quarter of an hour)"
	@echo "make commands  write docs/commands, a page for each command with what it prints"
	@echo "make screenshots  draw the README's pictures in docs/images with Chromium"
	@echo "make clean    remove .venv, .venv-peers, .venv-speed, demo/ and caches"

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

.venv/train: .venv/base
	$(BIN)/python -m pip install --quiet --editable '.[train]'
	@touch $@

train-demo: .venv/train
	@rm -rf demo/digits
	$(BIN)/cnnc train examples/train/digits.cnn --data digits --out demo/digits

test: .venv/test
	@echo "without three groups that make test-training, make test-trust and make test-browser run"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "not browser and not training and not trust"

test-training: .venv/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 2 --dist worksteal -m training

test-trust: .venv/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "trust and not training"

test-browser: .venv/test
	$(BIN)/python -m pytest -n auto --maxprocesses 2 -m browser

coverage: .venv/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal \
		-m "not browser and not training and not trust" --cov --cov-report=term:skip-covered --cov-fail-under=95

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

tables: .venv/base
	$(BIN)/python -m cnnc.grammar.build

golden: .venv/test
	$(BIN)/python -m pytest --update-golden -m "not browser"

zoo: .venv/base
	$(BIN)/python examples/zoo/table.py

.venv-peers/done: pyproject.toml benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --editable . --requirement benchmarks/requirements.txt
	@touch $@

peers: .venv-peers/done
	.venv-peers/bin/python benchmarks/peers.py

.venv-speed/done: pyproject.toml benchmarks/speed/requirements.txt
	$(PYTHON) -m venv .venv-speed
	.venv-speed/bin/python -m pip install --quiet --requirement benchmarks/speed/requirements.txt
	@touch $@

speed: .venv-speed/done
	.venv-speed/bin/python -m pip install --quiet --upgrade .
	.venv-speed/bin/python -m pip install --quiet --no-deps --force-reinstall .
	rm -rf build
	.venv-speed/bin/python benchmarks/speed/run.py

trust: .venv/test
	$(BIN)/python -m pip install --quiet --editable '.[mutation]'
	OMP_NUM_THREADS=1 $(BIN)/python trust/run.py

commands: .venv/test
	$(BIN)/python docs/commands.py

screenshots: .venv/test
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf .venv .venv-peers .venv-speed demo build dist *.egg-info .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
