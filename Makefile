# Tollgate: every task a developer or CI runs. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TOLLGATE := target/release/tollgate
CACHE := $(CURDIR)/.cache
PYTHON := $(CACHE)/python/bin/python
LITELLM := $(HOME)/.cache/tollgate/litellm
FAKETIME := /usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1

## run: start the gateway: with provider keys in the environment for real, without as a demo
.PHONY: run
run: build
	@$(TOLLGATE) run $(RUN_ARGS)

## build: compile the release binary target/release/tollgate, and the engine's library for Envoy beside it
.PHONY: build
build: deps
	@echo "building tollgate (release); the first time takes a few minutes"
	cargo build --release --locked -p tollgate -p tollgate-module

## test: everything: formats, lints, generated files, unit, golden, real Envoy, official SDKs
.PHONY: test
test: deps test-deps check
	@echo "running all tests"
	TOLLGATE_TEST_PYTHON=$(PYTHON) cargo test --workspace --locked --no-fail-fast
	@echo "running the tests of the product again, with the engine behind ext_proc"
	TOLLGATE_ENGINE=ext-proc TOLLGATE_TEST_PYTHON=$(PYTHON) cargo test -p tollgate --test e2e --locked --no-fail-fast
	@if tests/cluster/helm >/dev/null; then tests/charts/run; else echo "make test: THE CHART TESTS WERE NOT RUN, see above"; fi
	@if $(MAKE) --no-print-directory cluster-deps; then $(MAKE) --no-print-directory test-cluster TOLLGATE_BIN=target/debug/tollgate; \
	  else echo "make test: THE CLUSTER TESTS WERE NOT RUN, see above; the rest has passed"; fi

## check: formats and lints, without running tests
.PHONY: check
check: deps
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

## fuzz: each parser on made-up input for FUZZ_SECONDS (20); FUZZ_TARGETS='answer cost' picks some
.PHONY: fuzz
fuzz: deps
	@fuzz/run

## bench: CPU per request, latency and memory against plain Envoy; prints the table of docs/performance.md
.PHONY: bench
bench: deps
	cargo build --release --locked -p tollgate -p tollgate-module -p tollgate-bench
	target/release/tollgate-bench $(BENCH_ARGS)

## bench-scale: many routes on a cluster of its own: time until they are served, memory, CPU, bytes; 20 min
.PHONY: bench-scale
bench-scale: build test-deps cluster-deps
	cargo build --release --locked -p tollgate-scale
	@tests/scale/run $(SCALE_ARGS)

## torture: the torture suite in its long form: three processes, Redis and memory, 10^6 requests each
.PHONY: torture
torture: deps test-deps
	cargo build --release --locked -p tollgate -p tollgate-module -p tollgate-torture
	target/release/tollgate-torture --form long $(TORTURE_ARGS)
	target/release/tollgate-torture --form long --store memory $(TORTURE_ARGS)

## torture-litellm: the same suite against LiteLLM, short form; prints the table of docs/budgets.md
.PHONY: torture-litellm
torture-litellm: deps test-deps
	@test -x $(LITELLM)/bin/litellm || { echo "installing LiteLLM into $(LITELLM)"; \
	  python3 -m venv $(LITELLM) && \
	  $(LITELLM)/bin/pip install --quiet --disable-pip-version-check 'litellm[proxy]==1.106.2'; }
	cargo build --release --locked -p tollgate -p tollgate-module -p tollgate-torture
	target/release/tollgate-torture $(TORTURE_ARGS)
	target/release/tollgate-torture --against litellm --litellm $(LITELLM)/bin/litellm $(TORTURE_ARGS)

## crds: write crds/*.yaml from the Rust types
.PHONY: crds
crds: deps
	cargo run -q --locked -p tollgate-crds --example write

## fmt: format all code
.PHONY: fmt
fmt:
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml

## deps: install what building needs (mold, a faster linker, from Debian)
.PHONY: deps
deps:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs, then run make again"; exit 1; }
	@command -v mold >/dev/null || { echo "installing mold (linker) with apt-get"; \
	  $$(test "$$(id -u)" = 0 || echo sudo) bash -c 'apt-get update -qq && apt-get install -y -qq mold' >/dev/null; }

## test-deps: install what tests need beside Rust: Redis, faketime, the official Python SDKs
.PHONY: test-deps
test-deps: $(CACHE)/python/.ready
	@{ command -v redis-server && command -v redis-cli && test -e $(FAKETIME); } >/dev/null || { \
	  echo "installing redis-server and faketime with apt-get"; \
	  $$(test "$$(id -u)" = 0 || echo sudo) bash -c 'apt-get update -qq && apt-get install -y -qq redis-server faketime' >/dev/null; }

$(CACHE)/python/.ready: tests/sdk/requirements.txt
	@echo "installing the official Python SDKs into .cache/python"
	@python3 -m venv $(CACHE)/python
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r tests/sdk/requirements.txt
	@touch $@

## image: write target/image/tollgate-VERSION.tar, an OCI archive of the release, without Docker
.PHONY: image
image: build
	@IMAGE_GZIP=1 image/build

## charts: check the Helm charts and write them to target/charts/
.PHONY: charts
charts:
	@charts/package

## test-charts: what the charts render, against tests/charts; ACCEPT=1 takes it as it is
.PHONY: test-charts
test-charts:
	@tests/charts/run

## cluster-up: a one-node Kubernetes of this machine's own (root); the first time it is built, 7 min
.PHONY: cluster-up
cluster-up: cluster-deps
	@tests/cluster/up

## cluster-down: end that cluster and remove its state
.PHONY: cluster-down
cluster-down:
	@tests/cluster/down

## cluster-install: install this checkout in that cluster with Helm; HELM_ARGS='--set …'
.PHONY: cluster-install
cluster-install: build test-deps cluster-up
	@tests/cluster/install $(HELM_ARGS)

## test-cluster: the cluster tests: install, story, seeds; on a cluster of their own; TOLLGATE_BIN=… tests that binary
.PHONY: test-cluster
test-cluster: $(if $(TOLLGATE_BIN),,build) test-deps cluster-deps
	@TOLLGATE_BIN=$(or $(TOLLGATE_BIN),$(TOLLGATE)) tests/cluster/test

## conformance: the Gateway API's conformance suite; writes docs/conformance/
.PHONY: conformance
conformance: build test-deps cluster-up
	@tests/cluster/install
	@tests/conformance/run $(CONFORMANCE_ARGS)

## cluster-deps: install what the cluster needs from Debian, and say what else is missing
.PHONY: cluster-deps
cluster-deps:
	@test "$$(id -u)" != 0 || { command -v containerd && command -v runc && command -v iptables && command -v conntrack && test -x /usr/lib/cni/bridge; } >/dev/null || { \
	  echo "installing containerd, runc, CNI plugins and iptables with apt-get"; \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends containerd runc containernetworking-plugins iptables conntrack iproute2 >/dev/null; }
	@tests/cluster/check

## clean: remove what was built
.PHONY: clean
clean:
	cargo clean
	rm -rf $(CACHE)

## help: this list
.PHONY: help
help:
	@echo "Tollgate. Targets:"
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'
