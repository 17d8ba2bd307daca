# What can be done here: make help
MAKEFLAGS += --jobs=2 --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run demo test .checked .tested bench fuzz soak reference transcript lint format peers clean

# A Node that came with its C headers compiles better-sqlite3 against those instead of fetching others.
NODE_PREFIX := $(shell node -p 'path.resolve(process.execPath, "../..")')
ifneq ($(wildcard $(NODE_PREFIX)/include/node/node_version.h),)
export npm_config_nodedir := $(NODE_PREFIX)
endif
# Only where no prebuilt SQLite can be had: a first start is waited for, and -O1 compiles in about half the time.
export CFLAGS ?= -O1

# npm starts makes of its own, which have no part in our jobs.
NPM := MAKEFLAGS= npm --no-audit --no-fund --loglevel=error
SOURCES := $(shell find src schema test -name '*.ts')
# npm's own record of what it installed.
PACKAGES := node_modules/.package-lock.json
SQLITE := node_modules/.sqlite-works
BUILT := dist/.built

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: $(BUILT) $(SQLITE) ## Install, build, and serve
	@exec node dist/src/main.js

demo: $(BUILT) $(SQLITE) ## Play the whole story on this machine and show it
	@node dist/test/demo/main.js

test: .tested .checked ## Everything that is checked, against the real peers too

.tested: $(BUILT) $(SQLITE) peers
	@npm run --silent test:load; load=$$?; npm test --silent && exit $$load

# Beside the tests, which wait for a peer most of the time, and behind them.
.checked: $(PACKAGES)
	@nice npm run --silent format:check
	@nice npm run --silent lint

bench: $(BUILT) $(SQLITE) peers ## Measure, with the peers beside
	@node dist/test/bench/main.js

fuzz: $(BUILT) ## Read 250,000 messages made at random, sound and spoilt; FUZZ_SEED=n makes the same again
	@node dist/test/fuzz/main.js

soak: $(BUILT) ## Half an hour of texts and calls; nothing may fail, memory stays where it is
	@node dist/test/soak/main.js

reference: $(PACKAGES) ## Write the variables into README.md and .env.example
	@node --import=tsx src/reference.ts
	@npm run --silent format

transcript: $(PACKAGES) $(SQLITE) ## Play the retrieval that docs/transcript.md shows, and write it there
	@node --import=tsx test/transcript/main.ts

lint: $(PACKAGES) ## Look for what the compiler lets pass
	@npm run --silent lint

format: $(PACKAGES) ## Lay out the sources
	@npm run --silent format

clean: ## Remove what was installed and built; data/ stays
	rm -rf node_modules dist

peers:
	@test/peers/install-peers.sh

# Scripts of packages are not run, but for the one that must be: SQLite's, which compiles when no prebuilt
# binary can be had. It has a rule of its own, so that the build need not wait for it.
$(PACKAGES): package.json package-lock.json
	$(NPM) ci --ignore-scripts
	@touch $@

$(SQLITE): $(PACKAGES) test/peers/install-peers.sh
	@node -e 'new (require("better-sqlite3"))(":memory:")' 2>/dev/null \
	  || $(NPM) rebuild better-sqlite3 \
	  || { test/peers/install-peers.sh compiler && $(NPM) rebuild better-sqlite3; }
	@touch $@

$(BUILT): $(PACKAGES) tsconfig.json $(SOURCES)
	@npm run --silent build
	@touch $@
