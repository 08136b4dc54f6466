# SPDX-License-Identifier: Apache-2.0
# make run    the camera finds a simulated leak (about a minute)
# make test   every test        make lint   style and types
# make bench  speed against the named peers
# make faults-quick the fault rows that CI can afford
# make faults everything is broken on purpose; the simulated board judges (half an hour)
# make faults-full   the same for hours, and docs/faults.md again
# make wheels aarch64 and armv7 wheels with Debian's cross compilers
# make firmware   the payload for a board, installed and self-tested under emulation
# make cooler    the measured cooler power in docs/instrument.md again (minutes)
# make pictures docs/pictures and the boards' diagrams again

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
OUT ?= out
KERNEL_SOURCES := setup.py pyproject.toml $(wildcard cext/*.pyx cext/*.pxd cext/include/edgeleak/*.h)
PACKAGE_FILES := $(shell find src/edgeleak board -name '*.py' -o -name '*.toml')
WHEEL_STAMP := build/cross/aarch64/wheel.made

.PHONY: run test lint bench faults faults-quick faults-full targets wheels firmware pictures cooler clean
.DEFAULT_GOAL := run

run: $(VENV)/.host
	$(BIN)/edgeleak sim leak --check --out $(OUT)/run

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=15 -m "not realtime"
	$(BIN)/python -m pytest --durations=15 -m realtime

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint cext
	$(BIN)/mypy

bench: $(VENV)/.dev
	$(BIN)/python tools/bench/bench_chain.py
	$(BIN)/python tools/bench/bench_background.py
	$(BIN)/python tools/bench/bench_regions.py
	$(BIN)/python tools/bench/bench_codec.py

faults: $(VENV)/.dev
	$(BIN)/python tools/faults/run.py --jobs 2 --json $(OUT)/faults.json --resume

faults-quick: $(VENV)/.dev
	$(BIN)/python tools/faults/run.py --jobs 2 --row D1 --row D4 --row F2 --row F3 --row T14
	$(BIN)/python tools/faults/run.py --jobs 2 --no-defects --count 6 --row D3 --row F1P --row F1B
	$(BIN)/python tools/faults/run.py --row F1 --count 100000
	$(BIN)/python tools/fuzz/fuzz_console.py --plant --quick
	$(BIN)/python tools/fuzz/fuzz_console.py --coverage

faults-full: $(VENV)/.dev
	$(BIN)/python tools/faults/run.py --jobs 2 --full --json $(OUT)/faults-full.json --resume
	$(BIN)/python tools/faults/write_table.py $(OUT)/faults-full.json

targets: $(VENV)/.dev
	tools/cross/check_targets.sh

wheels: $(VENV)/.dev
	tools/cross/build_wheels.sh
	@touch $(WHEEL_STAMP)

firmware: $(VENV)/.dev $(WHEEL_STAMP)
	rm -f dist/edgeleak-firmware-*.tar.gz
	$(BIN)/python tools/make_firmware.py dist/edgeleak-*-linux_aarch64.whl --out dist
	$(BIN)/python tools/prove_firmware.py dist/edgeleak-firmware-*.tar.gz

$(WHEEL_STAMP): $(KERNEL_SOURCES) $(PACKAGE_FILES) tools/cross/build_wheels.sh | $(VENV)/.dev
	tools/cross/build_wheels.sh aarch64
	@touch $@

pictures: $(VENV)/.dev
	$(BIN)/python tools/make_pictures.py
	$(BIN)/python tools/make_board_pictures.py

cooler: $(VENV)/.dev
	$(BIN)/python tools/cooler_power.py --write

clean:
	rm -rf $(VENV) build dist $(OUT) src/*.egg-info src/edgeleak/kernels/*.so

$(VENV)/.host: $(VENV)/.made $(KERNEL_SOURCES)
	@echo "building EdgeLeak and installing what it needs ..."
	@$(PIP) --editable ".[host]"
	@touch $@

$(VENV)/.dev: $(VENV)/.made $(KERNEL_SOURCES)
	@echo "building EdgeLeak and installing what its tests need ..."
	@$(PIP) --editable ".[dev]"
	@touch $@ $(VENV)/.host

$(VENV)/.made:
	@$(PYTHON) tools/check_machine.py
	@$(PYTHON) -m venv $(VENV)
	@touch $@
