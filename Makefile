# The commands of this repository; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test check build bench audit

help: ## list the commands
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## prepare what is missing, build, and start the portal for evaluation at http://127.0.0.1:3000
	@scripts/prepare
	@cargo xtask site
	@SQLX_OFFLINE=true cargo build --quiet --release --package server
	@exec target/release/rampart serve

test: ## everything: format, lints, licences, unit, database, formats, REST and browser tests
	@scripts/test

check: ## fast: format, lints for the server and the browser, licences
	@scripts/check

build: ## leave target/release/rampart, which runs by itself from any folder
	@scripts/prepare
	@cargo xtask site
	@SQLX_OFFLINE=true cargo build --release --package server

bench: ## measure the budgets; results go to docs/performance.md
	@bench/run

audit: ## look for published vulnerabilities in what this is built from (needs the internet)
	@cargo deny check advisories
