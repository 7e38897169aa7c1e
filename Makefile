# `make` alone lists what there is. Works with GNU make from 3.81 (macOS) on.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
LOCKED := requirements.txt requirements-model.txt constraints.txt
# The names of the stamps carry what they stand for: other requirements, other stamp.
RUN := .venv/.run-$(shell cat $(LOCKED) 2>/dev/null | cksum | tr ' ' '-')
DEV := .venv/.dev-$(shell cat $(LOCKED) requirements-dev.txt requirements-s3.txt 2>/dev/null | cksum | tr ' ' '-')

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(RUN):
	@sh tools/setup.sh run $@

$(DEV): $(RUN)
	@sh tools/setup.sh dev $@

.PHONY: run
run: $(RUN) ## Set everything up and serve on http://127.0.0.1:$PORT/ (8000); data in $HELPDESK_HOME (var/)
	@exec $(PY) manage.py serve

.PHONY: demo
demo: $(RUN) ## Play a conversation against the running server and print each frame
	@exec $(PY) tools/demo.py $(or $(PORT),8000)

.PHONY: stack
stack: $(RUN) ## Run it as in production: Postgres, Redis, web and worker as four processes
	@exec $(PY) -m tools.stack

.PHONY: test
test: $(DEV) ## Run all tests on a database of their own; ARGS="tests/core -k name" picks some; COVERAGE=1
	@exec $(PY) -m tools.run_tests $(ARGS)

.PHONY: eval
eval: $(RUN) ## Play the conversations of agents/suite against the agent, without a network; ARGS="--out runs/one"
	@exec $(PY) manage.py evaluate_agent agents/suite $(ARGS)

.PHONY: check
check: $(DEV) ## Lint, format, types, floors, migrations, templates; ARGS="mypy" picks some
	@exec $(PY) -m tools.run_checks $(ARGS)

.PHONY: format
format: $(DEV) ## Format the code and repair what can be repaired
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

.PHONY: bench
bench: $(DEV) ## Measure, each figure beside its ceiling
	@exec $(PY) benchmarks/run.py $(ARGS)

.PHONY: prove
prove: $(DEV) ## Kill everything while customers write and judge by their ledger (about 20 minutes)
	@exec $(PY) benchmarks/fault.py $(or $(ARGS),--seed 1 --seed 2 --seed 3 --msgs 7000 --kills 70 --every 3.5 8.5 --pace 8)

.PHONY: adversary
adversary: $(DEV) ## Ten thousand hostile tool calls, and nothing forbidden comes of them (about 3 minutes)
	@ADVERSARY_CALLS=10000 exec $(PY) -m tools.run_tests tests/agents/test_adversary.py -n 0 -o log_cli=true --log-cli-level=INFO

.PHONY: clients
clients: $(DEV) ## Make API clients for Python, TypeScript (needs Node.js) and Postman/Bruno in dist/clients; ARGS="postman"
	@exec $(PY) -m tools.clients $(ARGS)

.PHONY: contract
contract: $(DEV) ## Ask a running server all that its description allows, and what it does not (an hour); ARGS="--as key --phases stateful"
	@exec $(PY) -m tools.contract $(ARGS)

.PHONY: messages
messages: $(RUN) ## Collect strings to translate and compile the catalogues (needs gettext)
	@$(PY) manage.py makemessages --locale pt_BR --locale es --no-obsolete --no-location --no-wrap --ignore var --ignore .venv --ignore tests
	@sed -i.bak -e '/^"Report-Msgid-Bugs-To/d' -e '/^"POT-Creation-Date/d' locale/*/LC_MESSAGES/django.po && rm locale/*/LC_MESSAGES/*.bak
	@$(PY) manage.py compilemessages --ignore .venv

.PHONY: lock
lock: $(DEV) ## Write constraints.txt from what is installed
	@sh tools/setup.sh lock constraints.txt

.PHONY: clean
clean: ## Remove the virtual environment and caches; data in var/ stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
