# HERO Bench: `make demo` shows everything, `make test` proves it, `make up` runs it for real.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: venv dev demo up test full lint lock clean

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

test: lint
	$(BIN)/python -m tests.chromium
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

full: lint
	$(BIN)/python -m tests.chromium
	$(BIN)/python -m pytest $(ARGS)

clean:
	rm -rf .venv node_modules staticfiles
