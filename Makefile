# HERO Bench: `make demo` shows everything, `make test` proves it, `make up` runs it for real.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: venv dev demo up test full lint docs mutants lock clean

venv: .venv/.runtime
dev: .venv/.dev

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements.lock package.json package-lock.json | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmark_site.local.frontend
	touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-dev.lock
	touch $@

.venv/.docs .venv/.mutants: .venv/.%: .venv/.dev requirements-%.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-$*.lock
	touch $@

demo: .venv/.runtime
	$(BIN)/python manage.py demo $(ARGS)

up: .venv/.runtime
	$(BIN)/python manage.py up $(ARGS)

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DJANGO_SETTINGS_MODULE=benchmark_site.settings $(BIN)/mypy \
		-p benchmark_site -p annotation -p adversarial -p hero_model -p evaluation --exclude '^annotation/marketplace/'
	DJANGO_SETTINGS_MODULE=annotation.marketplace.settings MARKETPLACE_URL=http://localhost MARKETPLACE_SECRET_KEY=types \
		MARKETPLACE_DATABASE_URL=postgresql://localhost/types $(BIN)/mypy -p annotation.marketplace
	$(BIN)/lint-imports
	$(BIN)/python -m tests.deployment

# Each process has a database and a broker of its own (tests/services.py); tests/conftest.py says which tests go together.
SPREAD := --numprocesses auto --maxprocesses 4 --no-loadscope-reorder

test: lint
	$(BIN)/python -m tests.chromium
	$(BIN)/python -m pytest $(SPREAD) -m "not slow" $(ARGS)

full: lint
	$(BIN)/python -m tests.chromium
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build $(ARGS)

# Mutation testing, minutes to hours: `make mutants ARGS=ledger`; see CONTRIBUTING.md.
mutants: .venv/.mutants
	$(BIN)/python -m tests.mutants $(ARGS)

# Pins stay where pyproject.toml still allows them: ARGS=--upgrade moves them all, ARGS="-P NAME" one of them.
# A wheel's local version (torch's +cpu) is dropped: which build fits is for the machine that installs.
COMPILE = $(BIN)/python -m piptools compile --quiet --no-header --no-annotate --no-emit-options --strip-extras $(ARGS)
lock: .venv/.dev
	$(COMPILE) --output-file requirements.lock pyproject.toml
	sed -i -e '1i # Locked runtime environment: written by `make lock` from pyproject.toml.' -e '/^#/d' -e '/^$$/d' \
		-e 's/+[a-z0-9]*$$//' requirements.lock
	for extra in asr dev docs lmdb mutants; do \
		$(COMPILE) --extra $$extra --constraint requirements.lock --output-file requirements-$$extra.lock pyproject.toml && \
		sed -i -e "1i # The extra $$extra on top of requirements.lock: written by \`make lock\`." -e '/^#/d' -e '/^$$/d' \
			-e 's/+[a-z0-9]*$$//' requirements-$$extra.lock && \
		grep -vxFf requirements.lock requirements-$$extra.lock > .lock && mv .lock requirements-$$extra.lock || exit 1; \
	done

clean:
	rm -rf .venv node_modules staticfiles site
