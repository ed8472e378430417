# What one does with the labour exchange. `make` alone lists the targets.
CARGO ?= cargo
JUDGES ?= $(CURDIR)/target/judges
export LABOUR_EXCHANGE_JUDGES := $(JUDGES)

.PHONY: help demo test check tools format-check lint docs cargo-test judges judges-live judges-linkage judges-partner openapi openapi-check bench

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build and play the main job with sample data, then serve it
	$(CARGO) run --locked --release -- demo

# The order is from quick to slow; each step stops the run when it fails.
test: ## Everything: installs what is missing, lints, tests on both back ends, outside judges, also of the running service
	$(MAKE) tools
	$(MAKE) format-check
	$(MAKE) lint
	$(MAKE) docs
	$(MAKE) cargo-test
	$(MAKE) judges
	$(MAKE) judges-live
	$(MAKE) judges-linkage
	$(MAKE) judges-partner

check: format-check lint ## The fast part: format, lints, unit tests, tidiness
	$(CARGO) test --locked --lib --bins --test tidy

tools: ## PostgreSQL and the judges, where they are missing
	bash .ci/install-tools.sh

format-check:
	$(CARGO) fmt --check

lint:
	$(CARGO) clippy --locked --all-targets -- -D warnings

docs: ## The crate's documentation, without a warning
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

# One process for the whole API suite, because its tests share one PostgreSQL cluster: not nextest.
cargo-test: ## All tests, on SQLite and PostgreSQL; each POST of theirs is sent twice, and all operations must have been
	@mkdir -p target
	@rm -f target/repeated.txt
	LABOUR_EXCHANGE_REPEATED=$(CURDIR)/target/repeated.txt $(CARGO) test --locked
	python3 .ci/repeated.py target/repeated.txt openapi/openapi.json 10000

judges: tools openapi-check ## Outside judges of the API document, each shown to fail first
	bash .ci/judges/shown-to-fail.sh
	bash .ci/judges/run.sh static

judges-live: tools openapi-check ## Outside judges of the running service: plays a year, then fuzzes it and asks for tokens
	bash .ci/judges/run.sh live
	bash .ci/judges/run.sh webhooks

judges-linkage: tools ## The matcher beside PyPI recordlinkage on the same pairs, shown to fail first
	$(CARGO) build --locked --quiet --example link_files
	bash .ci/judges/run.sh linkage

judges-partner: tools openapi-check ## The tutorial typed in as it stands, the walk to day 90, and clients generated from the document
	bash .ci/judges/run.sh partner
	bash .ci/judges/run.sh clients

openapi: ## Write openapi/openapi.json from the code
	@mkdir -p openapi target
	$(CARGO) run --locked --quiet -- openapi > target/openapi.json
	@mv target/openapi.json openapi/openapi.json

# Builds the program that the judges start, and refuses a committed document that is not the code's.
openapi-check:
	@mkdir -p target
	$(CARGO) run --locked --quiet -- openapi > target/openapi.json
	@cmp target/openapi.json openapi/openapi.json || { echo "openapi/openapi.json is not what the code says: make openapi" >&2; exit 1; }

bench: ## Measure throughput and latency
	$(CARGO) run --locked --release --example bench
