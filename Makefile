# Switchroom: `make help` lists what can be made.
SHELL := /bin/bash
GO    ?= go

# What a fresh machine lacks is fetched by the commands themselves: Go modules
# by Go, Debian packages by image/packages. Nothing is installed on the host.

.DEFAULT_GOAL := help
.PHONY: help image run test test-fast test-native test-vm test-slow lint bench relock reproduce sources flash clean fuzz

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

image: ## Build build/switchroom-<version>.img and its .zst, from locked packages
	$(GO) run ./image/cmd/mkimage

run: ## Build what is needed and start it in QEMU with an emulated 24-port card
	$(GO) run ./image/cmd/mkimage -allow-unlocked -no-compress
	$(GO) build -o build/bin/ ./dahdi/cmd/tdm2400p ./image/cmd/run
	build/bin/run $(RUN)

test: test-fast test-native test-vm ## Every test, what it needs included

test-fast: ## Unit tests only: no virtual machine, no browser
	$(GO) test ./...

test-native: ## Calls on the image's own Asterisk, run here in a network namespace, with SIP telephones
	$(GO) test -tags native -timeout 30m -p 1 -count=1 $$(grep -rl '^//go:build native' --include='*_test.go' . | xargs -n1 dirname | sort -u)

test-vm: ## The image as it ships, in QEMU with the emulated card and the real driver
	$(GO) run ./image/cmd/mkimage -allow-unlocked -check-reproducible
	$(GO) test -tags vm -timeout 50m -p 1 -count=1 -v -run '^TestVM' ./image/disk ./appliance/system

test-slow: ## What takes too long for every time: the hardware watchdog (after make test-vm)
	$(GO) test -tags vm -timeout 30m -count=1 -v -run '^TestSlow' ./appliance/system

lint: ## Formatting, vet and staticcheck, for every kind of test
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt'd:"; echo "$$out"; exit 1; }
	for tag in none native vm; do $(GO) vet -tags $$tag ./... || exit; $(GO) tool staticcheck -tags $$tag ./... || exit; done

bench: ## Measure: code, calls, boot times, memory, the emulator; prints the README's table
	$(GO) test -run '^$$' -bench . -benchmem ./dahdi/... ./appliance/... ./provisioning/...
	$(GO) test -tags native -timeout 30m -run '^$$' -bench . -benchtime 1x ./appliance/system/native
	$(GO) test -tags vm -timeout 60m -run '^$$' -bench 'VM' -benchtime 1x ./appliance/system

relock: ## Show how the package lock would change; WRITE=1 changes it
	$(GO) run ./image/cmd/relock $(if $(WRITE),-write)

reproduce: ## Build everything twice from the locked packages, compilers included, and compare to the bit
	$(GO) run ./image/cmd/compile -reproduce
	$(GO) run ./image/cmd/mkimage -check-reproducible

sources: ## Collect the corresponding source of the GPL parts in build/sources
	$(GO) run ./image/cmd/sources

flash: ## Write the newest image to a disk: make flash DEV=/dev/sdX (asks first; Secure Boot must be off)
	$(GO) run ./image/cmd/flash $(DEV)

clean: ## Remove build/; the cache stays
	rm -rf build
