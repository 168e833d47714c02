# Switchroom: `make help` lists what can be made.
SHELL := /bin/bash
GO    ?= go

.DEFAULT_GOAL := help
.PHONY: help lint test test-fast

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

lint: ## Formatting, vet and staticcheck, for every kind of test
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt'd:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags vm ./...
	$(GO) tool staticcheck ./...
	$(GO) tool staticcheck -tags vm ./...

test-fast: ## Unit tests: no virtual machine, no browser
	$(GO) test ./...

test: test-fast ## Every test, what it needs included
