# kubehop: `make serve` plays, `make test` proves. Both install what is missing: Rust's wasm target, Trunk and wasm-bindgen's
# command line (built once into $(CACHE)), and the npm packages. They need rustup, Node 20 or newer, and for the tests Chromium.

PORT ?= 8080
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kubehop
FUZZ_SECONDS ?= 60

# wasm-bindgen's library and command line must be the same version.
WASM_BINDGEN := $(shell sed -n 's/^wasm-bindgen = .*"=\([0-9.]*\)".*/\1/p' Cargo.toml)
TRUNK := 0.21.14
CARGO_FUZZ := 0.13.2

TRUNK_ROOT := $(CACHE)/trunk-$(TRUNK)
WASM_BINDGEN_ROOT := $(CACHE)/wasm-bindgen-$(WASM_BINDGEN)
CARGO_FUZZ_ROOT := $(CACHE)/cargo-fuzz-$(CARGO_FUZZ)
export PATH := $(TRUNK_ROOT)/bin:$(WASM_BINDGEN_ROOT)/bin:$(CARGO_FUZZ_ROOT)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export TRUNK_SKIP_VERSION_CHECK := true

WASM := --target wasm32-unknown-unknown --no-default-features --features app
CHROMEDRIVER ?= $(shell command -v chromedriver)
say = @printf '\n== %s\n' "$(1)"

.NOTPARALLEL:
.PHONY: help serve dist test fmt clippy unit lessons wasm page weight fuzz fuzz-in-ci bench first-load oracle tools rust chromium netfilter clean

help:
	@echo 'make serve    the page at http://127.0.0.1:$(PORT)/ (PORT=... for another port)'
	@echo 'make test     everything that must hold; CI runs the same, and the fuzzers'
	@echo 'make dist     the page as a folder, dist/, for any static host and any sub-path'
	@echo 'make bench    weight and speed'
	@echo 'make first-load   lists anew what the page needs at first (when `make weight` complains)'
	@echo 'make fuzz     each fuzz target for FUZZ_SECONDS ($(FUZZ_SECONDS))'
	@echo 'make oracle   the comparison with the code of Kubernetes (needs Go)'
	@echo 'make clean    remove what was built here (the tools stay in $(CACHE))'

# -- play

# Trunk wants the folders that it is not to watch to be there.
serve: tools
	@mkdir -p dist target test-results
	trunk serve --release --offline --port $(PORT)

dist: tools
	$(call say,page into dist/)
	trunk build --release --offline

# -- prove

test: fmt clippy unit lessons wasm dist weight page fuzz-in-ci
	$(call say,all passed)

fmt: rust
	$(call say,format)
	cargo fmt --check
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml

clippy: rust
	$(call say,clippy: engine and command line with all tests; page)
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked $(WASM) --lib --bin playground --test web -- -D warnings

unit: rust netfilter
	$(call say,tests of engine and command line; plain logic of the page)
	cargo test --locked --all-features --quiet

lessons: rust
	$(call say,lessons)
	cargo run --locked --quiet --bin kubehop -- lessons check

wasm: tools chromium
	$(call say,tests in WebAssembly in headless Chromium)
	WASM_BINDGEN_TEST_TIMEOUT=120 CHROMEDRIVER=$(CHROMEDRIVER) CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner cargo test --locked $(WASM) --test web

# `weight` and `page` look at dist/ as it is; `make dist` makes it.
weight: node_modules/.package-lock.json
	$(call say,weight of the built page)
	node tests/bench/weight.js --gate

page: node_modules/.package-lock.json chromium
	$(call say,the built page in Chromium under its Content-Security-Policy)
	node --test-reporter=spec tests/browser/run.js

FUZZ_TARGETS = $(basename $(notdir $(wildcard tests/fuzz/targets/*.rs)))

fuzz: rust $(CARGO_FUZZ_ROOT)/bin/cargo-fuzz $(FUZZ_TARGETS:%=fuzz-%)

# Newly found inputs go to a scratch folder; what is worth keeping is committed to tests/fuzz/corpus by hand. cargo-fuzz wants a
# nightly compiler only for its flags, which RUSTC_BOOTSTRAP opens on the stable one.
fuzz-%:
	$(call say,fuzz $* for $(FUZZ_SECONDS) s)
	@mkdir -p test-results/fuzz/$*
	RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz $* test-results/fuzz/$* tests/fuzz/corpus/$* -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1

fuzz-in-ci:
ifeq ($(CI),true)
	@$(MAKE) -k --no-print-directory fuzz
else
	$(call say,fuzz: only in CI (CI=true) or by make fuzz)
endif

bench: dist chromium
	$(call say,weight and speed)
	node tests/bench/weight.js
	node tests/bench/speed.js

# Which functions opening the page runs: the build keeps them in the wasm's first file. To be run when the first load has grown.
first-load: tools chromium
	$(call say,functions that opening the page runs)
	KUBEHOP_MARK_FUNCTIONS=1 trunk build --release --offline --dist test-results/marked
	DIST=$(CURDIR)/test-results/marked node tests/bench/first-load.js

# Are the goldens what upstream's code says today, and do FUZZ fresh cases of each topic get the same answers here as there?
# UPDATE=1 notes the number in static/proof.txt, which the page shows.
FUZZ ?= 200
SEED ?= 7
ORACLE_TOPICS = iptables nftables slices dns admission updates apimachinery yaml
FRESH = $(CURDIR)/test-results/oracle

oracle: rust
	$(call say,comparison with the code of Kubernetes)
	cd tests/oracle && go build -o oracle .
	cd tests/oracle && ./oracle goldens --check
	$(call say,$(FUZZ) fresh clusters of each topic from seed $(SEED))
	rm -rf $(FRESH)
	for topic in $(ORACLE_TOPICS); do (cd tests/oracle && ./oracle fuzz --topic $$topic --seed $(SEED) --count $(FUZZ) --out $(FRESH)/$$topic) || exit 1; done
	KUBEHOP_GOLDENS=$(FRESH) cargo test --locked --quiet --test kube_proxy --test dns --test admission --test updates --test yaml
	KUBEHOP_GOLDENS=$(FRESH) cargo test --locked --quiet --lib -- slice_goldens apiserver::texts
	COMPARED='$(ORACLE_TOPICS)' CASES=$(FUZZ) cargo test --locked --quiet --test proof

# -- tools

tools: rust $(TRUNK_ROOT)/bin/trunk $(WASM_BINDGEN_ROOT)/bin/wasm-bindgen node_modules/.package-lock.json
	@cargo fetch --locked --quiet

rust:
	@command -v cargo >/dev/null || { echo 'Rust is missing: install it from https://rustup.rs'; exit 1; }
	@[ -d "$$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ] || rustup target add wasm32-unknown-unknown
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy

$(TRUNK_ROOT)/bin/trunk:
	$(call say,installing trunk $(TRUNK): some minutes, once)
	cargo install --locked --root $(TRUNK_ROOT) trunk@$(TRUNK)

# Without --locked: its lock file names versions that no longer fit together.
$(WASM_BINDGEN_ROOT)/bin/wasm-bindgen:
	$(call say,installing wasm-bindgen-cli $(WASM_BINDGEN): some minutes, once)
	cargo install --root $(WASM_BINDGEN_ROOT) wasm-bindgen-cli@$(WASM_BINDGEN)

$(CARGO_FUZZ_ROOT)/bin/cargo-fuzz:
	$(call say,installing cargo-fuzz $(CARGO_FUZZ))
	cargo install --locked --root $(CARGO_FUZZ_ROOT) cargo-fuzz@$(CARGO_FUZZ)

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo 'Node is missing: install version 20 or newer from https://nodejs.org'; exit 1; }
	$(call say,installing the npm packages)
	npm ci --no-audit --no-fund
	@touch $@

# Tests only. CHROMIUM and CHROMEDRIVER name other places.
chromium:
	@{ [ -n "$(CHROMIUM)" ] || command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null && [ -n "$(CHROMEDRIVER)" ] \
	|| if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q && apt-get install -qy --no-install-recommends chromium chromium-driver; \
	else echo 'Chromium or its driver is missing. Install both (Debian: apt-get install chromium chromium-driver), or set CHROMIUM and CHROMEDRIVER.'; exit 1; fi

# The comparison with a real kernel needs root and these; without them it says that it is skipped, and why.
netfilter:
	@[ "$$(id -u)" != 0 ] || { command -v ip && command -v nft && command -v iptables-restore; } >/dev/null \
	|| if command -v apt-get >/dev/null; then apt-get update -q && apt-get install -qy --no-install-recommends iproute2 iptables nftables; fi

clean:
	cargo clean
	rm -rf dist test-results
