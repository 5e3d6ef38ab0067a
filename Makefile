# Everything that is done in this repository. CI runs the same targets.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

# Tools are pinned here and built by Go or npm; they never touch go.mod.
BIN      := $(CURDIR)/.bin
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)

# What needs more than the core does lives in a module of its own. Each must do without go.work, which only ties them together
# for whoever develops here.
MODULES := $(patsubst %/,%,$(sort $(dir $(shell find . -name node_modules -prune -o -name go.mod -print))))
export GOWORK := off
# in-modules runs a command in each module.
in-modules = @for module in $(MODULES); do (cd "$$module"; echo "$$module: $(strip $(1))"; $(1)); done

FUZZTIME  ?= 20s
PLATFORMS ?= linux/arm64 darwin/arm64 windows/amd64

# What the generator writes. Pathspecs of git.
GENERATED := api/openapi.yaml api/events.schema.json api/asyncapi.yaml api/asyncapi-media.yaml '*.gen.go' docs/asterisk-changes.md

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Watch calls being answered and bridged, on a simulated Asterisk; with ARI_URL, ARI_USERNAME and ARI_PASSWORD set on a real one
	@go run ./examples/demo

.PHONY: demo-voice
demo-voice: ## Run a call with a voice bot on a real Asterisk (after `make asterisk`), and write it to voicebot.wav: [OUT=file]
	@go run ./examples/voicebot/demo -o '$(or $(OUT),voicebot.wav)'

## Generation

.PHONY: generate
generate: ## Make the descriptions in api/, all *.gen.go and the report on versions from spec/ and the overlays
	@start=$$(date +%s%N); go generate . ; \
	printf 'generated in %d.%d s\n' $$(( ($$(date +%s%N) - start) / 1000000000 )) $$(( ($$(date +%s%N) - start) / 100000000 % 10 ))

.PHONY: check-generated
check-generated: ## Fail if a generated file is stale, missing, left over or not known to git
	@go run ./internal/cmd/checkgenerated $(GENERATED)

.PHONY: generate-typescript
generate-typescript: clients/typescript/node_modules/.package-lock.json ## Make the TypeScript client's types and objects from api/openapi.yaml
	@npm --silent --prefix clients/typescript run generate

.PHONY: spec
# A password goes by the environment, so that neither make nor ps shows it.
spec try-spec: export ARI_PASSWORD := $(if $(filter command line,$(origin PASSWORD)),$(PASSWORD),$(ARI_PASSWORD))
# The environment has a USER too, which isn't meant.
spec try-spec: user := $(if $(filter command line,$(origin USER)),$(USER),$(ARI_USERNAME))
spec: ## Import a spec, and say which one is generated from: FROM=folder [VERSION=22.10.1], or FROM=http://127.0.0.1:8088 USER=name PASSWORD=secret; [OUT=folder]
	@go run ./internal/cmd/spec -from '$(FROM)' -user '$(user)' -version '$(VERSION)' -out '$(OUT)'

.PHONY: spec-diff
spec-diff: ## Print what changed between two specs, for people: OLD=folder NEW=folder
	@go run ./internal/cmd/specdiff -old '$(OLD)' -new '$(NEW)'

.PHONY: try-spec
try-spec: ## Run the whole generation for another spec in a temporary folder, and build it: FROM, as for spec; [OUT=folder to keep]
	@go run ./internal/cmd/tryspec -from '$(FROM)' -user '$(user)' -version '$(VERSION)' -out '$(OUT)'

.PHONY: try-specs
try-specs: ## Run the whole generation for every imported spec: [SPECS='folders of more']
	@for spec in spec/asterisk-* $(SPECS); do echo "$$spec"; go run ./internal/cmd/tryspec -from "$$spec"; done

## Tests

.PHONY: test
test: ## Run all tests that need no Asterisk, with the race detector
	$(call in-modules,go test -race ./...)

.PHONY: test-typescript
test-typescript: clients/typescript/node_modules/.package-lock.json ## Check and test the TypeScript client on a simulated Asterisk: [ARI_TEST_SERVER=asterisk for a real one, after `make asterisk`]
	@npm --silent --prefix clients/typescript run build
	@npm --silent --prefix clients/typescript run check
	@npm --silent --prefix clients/typescript test

.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (20s)
	@for module in $(MODULES); do cd "$(CURDIR)/$$module"; \
	go test -list '^Fuzz' ./... | awk '/^Fuzz/ {names[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, names[i]; n = 0}' | \
	while read -r pkg name; do go test -run='^$$' -fuzz="^$$name$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=1s "$$pkg"; done; done

.PHONY: consumer-check
consumer-check: ## Check README's quick start, as committed, and that a module that imports pkg/ari inherits nothing of the generator
	@go run ./internal/cmd/consumercheck

.PHONY: build-all
build-all: ## Build and vet everything for the other platforms
	@export CGO_ENABLED=0; for platform in $(PLATFORMS); do \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		echo "$$platform"; $(MAKE) build-one; \
	done

.PHONY: build-one
build-one:
	$(call in-modules,go build ./... && go vet ./...)

.PHONY: asterisk
asterisk: ## Get real Asterisks for the tests into a cache folder
	go run ./test/asterisk/cmd/asterisk-install

.PHONY: run-asterisk
run-asterisk: ## Run a real Asterisk until Ctrl-C, to try programs on (after `make asterisk`): [VERSION=22]
	@go run ./test/asterisk/cmd/asterisk-run $(VERSION)

.PHONY: test-asterisk
test-asterisk: ## Run the tests that need a real Asterisk (after `make asterisk`)
	ARI_TEST_REQUIRE=1 go test -count=1 -timeout 20m ./test/... ./conformance/... ./internal/cmd/spec
	ARI_TEST_REQUIRE=1 go test -count=1 -short -timeout 20m ./pkg/media ./examples/...
	ARI_TEST_REQUIRE=1 go test -count=1 -timeout 20m -run Asterisk ./pkg/ivr ./pkg/ari/aritrace

.PHONY: compare
compare: ## Compare random sequences of commands on a real Asterisk and the simulator: [COUNT=100] or [FOR=10m], [SEED=1]
	ARI_TEST_REQUIRE=1 go test -count=1 -timeout 0 -v -run '^TestCompare$$' ./conformance -compare.seed=$(or $(SEED),1) $(if $(FOR),-compare.for=$(FOR),-compare.count=$(or $(COUNT),100))

.PHONY: record
record: ## Run the conformance suite on the real Asterisks and save what each scenario sent and received
	ARI_RECORD=1 ARI_TEST_REQUIRE=1 go test -count=1 -timeout 20m ./conformance

## Figures

.PHONY: bench
bench: ## Run the benchmarks and print a table of figures and ratios: [COUNT=5] [CHECK=-check to fail on exceeded limits]
	@go run ./internal/cmd/bench -count $(or $(COUNT),5) $(CHECK)

.PHONY: soak
soak: ## Run calls on the simulated Asterisk under faults, then flood a client: [FOR=10m]
	@go run ./internal/cmd/soak -for $(or $(FOR),10m)

## Checks

.PHONY: lint
lint: $(GOLANGCI) lint-api ## Check the Go code's style, and the descriptions
	$(call in-modules,$(GOLANGCI) run --config $(CURDIR)/.golangci.yml ./...)

.PHONY: lint-api
lint-api: api/check/node_modules/.package-lock.json ## Check the descriptions in api/, their examples and all recordings with the tools of other languages
	@REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npm --silent --prefix api/check run check

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@npm --prefix $* ci --silent --ignore-scripts
	@touch $@

.PHONY: site
site: site/node_modules/.package-lock.json ## Build the documentation site, commands, events and documents, into site/build/public
	@npm --silent --prefix site run build

.PHONY: try-generators
try-generators: ## Let other generators of Go make clients from api/openapi.yaml, and decode all recorded events with them
	@go run ./internal/cmd/trygenerators

.PHONY: fmt
fmt: $(GOLANGCI) ## Format the Go code
	$(GOLANGCI) fmt ./...

# Built from source once, which takes minutes.
$(GOLANGCI):
	@mkdir -p $(BIN)
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(BIN)/golangci-lint $@

.PHONY: ci
ci: test lint check-generated test-typescript site try-generators try-specs consumer-check build-all ## What CI runs, but for the tests on real Asterisks
