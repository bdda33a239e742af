SHELL := bash
# zigzag: `make run` does everything from a fresh clone to a finished report.
CONFIG ?= configs/passkey.yaml
SWEEP ?= configs/sweep-passkey.yaml
SWIFT ?= swift
ZIGZAG = .build/release/zigzag
# `make build MPI=1` makes a tool whose work several ranks share (docs/cluster.md).
# `make ranks RANKS_MPI=mpich MPIRUN=mpirun.mpich` tries another MPI.
RANKS_MPI ?= 1
MPIRUN ?=
ifdef MPI
export ZIGZAG_MPI := $(MPI)
endif
# For `zigzag --version`; a plus says that files were changed since.
export ZIGZAG_COMMIT := $(shell c=$$(git rev-parse --short=10 HEAD 2>/dev/null) && { git diff --quiet HEAD || c=$$c+; echo $$c; })

.PHONY: help score-answers build test ranks cluster hosts fuzz kills asan tsan consumers lint format benchmarks bench compare large sizes docs run sweep dist clean libraries
.DEFAULT_GOAL := help

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

build: libraries ## Build the tool in release, with what it needs
	$(SWIFT) build -c release --product zigzag

test: build ## Run every test; those on the real model where it can be had
	@.ci/setup model && .ci/setup import && .ci/setup texts || echo "test: going on without the real model: its tests are skipped" >&2
	$(SWIFT) test -c release --disable-xctest

ranks: build ## Build the tool with MPI too, and make runs of several ranks (ZIGZAG_RANK_KILLS=30 for more kills of them)
	@.ci/setup mpi
	ZIGZAG_MPI=$(RANKS_MPI) $(SWIFT) build -c release --product zigzag --scratch-path .build/mpi$(RANKS_MPI:1=)
	ZIGZAG_MPI_TOOL=$(CURDIR)/.build/mpi$(RANKS_MPI:1=)/release/zigzag $(if $(MPIRUN),ZIGZAG_MPIRUN='$(MPIRUN)') $(SWIFT) test -c release --disable-xctest --filter RankTests

cluster: build ## Make a sweep as an array of a real Slurm on this machine (as root, with slurm-wlm and munge)
	Tests/Cluster/slurm

hosts: build ## Share a run between two hosts of this machine over TCP (network namespaces; as root, with Open MPI)
	@.ci/setup mpi && .ci/setup model && .ci/setup import && .ci/setup texts
	ZIGZAG_MPI=1 $(SWIFT) build -c release --product zigzag --scratch-path .build/mpi
	Tests/Cluster/hosts

fuzz: libraries ## Try every setting with extreme values, read 100,000 damaged files of every kind, then 20,000 under AddressSanitizer
	ZIGZAG_EXTREMES=1 $(SWIFT) test -c release --disable-xctest --filter ExtremeSettingTests
	MALLOC_MMAP_THRESHOLD_=65536 MALLOC_TRIM_THRESHOLD_=65536 ZIGZAG_FUZZ=100000 $(SWIFT) test -c release --disable-xctest --filter FuzzTests
	ASAN_OPTIONS=max_allocation_size_mb=64:detect_leaks=0 ZIGZAG_FUZZ=20000 $(SWIFT) test -c release --disable-xctest --sanitize address --scratch-path .build/asan --filter FuzzTests

kills: libraries ## Kill every stage of a run, 200 times in all, and let it finish to the same bytes
	ZIGZAG_KILLS=200 $(SWIFT) test -c release --disable-xctest --filter KillCampaignTests

asan: libraries ## Run every test under AddressSanitizer
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test -c release --disable-xctest --sanitize address --scratch-path .build/asan

# Swift 6.3.1 refuses what it makes of swift-collections under this sanitizer unless it is told not to check, and
# Foundation loses processes that it starts under it, so that the tests of the tool hang.
tsan: libraries ## Run the libraries' tests under ThreadSanitizer
	ZIGZAG_FUZZ_SECONDS=20 $(SWIFT) test -c release --disable-xctest --sanitize thread --scratch-path .build/tsan -Xswiftc -Xfrontend -Xswiftc -disable-llvm-verify --skip zigzagTests

consumers: build score-answers ## Load exported maps with the code of the programs that read them (Python, some GB)
	@.ci/setup model && .ci/setup import || echo "consumers: going on without the real model" >&2
	Tests/Consumers/run

lint: ## Check the format of every Swift file
	$(SWIFT) format lint --strict --recursive Sources Tests Examples Benchmarks Package.swift

format: ## Put every Swift file into that format
	$(SWIFT) format -i --recursive Sources Tests Examples Benchmarks Package.swift

score-answers:
	$(SWIFT) build -c release --product score-answers

dist: ## Make an archive that needs no Swift, then try it where there is only glibc (as root)
	.ci/dist
	@if [[ $$(id -u) == 0 ]]; then .ci/dist check; else echo "dist: not tried; run .ci/dist check as root" >&2; fi

benchmarks: libraries ## Build the kernel benchmarks, which nothing else compiles
	ZIGZAG_BENCHMARKS=1 $(SWIFT) build --scratch-path .build/benchmarks --product KernelBenchmarks

bench: libraries ## Time every kernel, each first checked against its definition
	ZIGZAG_BENCHMARKS=1 $(SWIFT) package --scratch-path .build/benchmarks benchmark --grouping metric --format markdown --no-progress

compare: build ## Compare speed with PyTorch, transformers and llama.cpp (most of an hour)
	@.ci/setup model && .ci/setup import && Benchmarks/comparison/setup
	.build/comparison-venv/bin/python Benchmarks/comparison/compare_step.py models/smollm2-135m-instruct.h5 --lengths 1024 2048 4096 8192
	.build/comparison-venv/bin/python Benchmarks/comparison/compare_generation.py models/smollm2-135m-instruct.h5

large: build ## Time a step, and maps after a prompt, of a model of Llama 3 8B's shapes (34 GB of disk, freed after)
	python3 Benchmarks/comparison/make_large_model.py .build/large
	$(ZIGZAG) import .build/large .build/large.h5 && rm -r .build/large
	$(ZIGZAG) bench .build/large.h5 --measure step --lengths 1024 --repeats 1 --memory-budget 4GiB && \
	  $(ZIGZAG) bench .build/large.h5 --measure prompts --lengths 1024,8192 --repeats 1; \
	  status=$$?; rm .build/large.h5; exit $$status

sizes: build ## Print what a run costs on machines of 32 cores, for shapes of large models (nothing is computed)
	@.ci/setup model && .ci/setup import && .ci/setup texts
	@python3 Benchmarks/comparison/plan_sizes.py $(ZIGZAG) configs/cluster-sizes.yaml

docs: libraries ## Write the libraries' reference to .build/docs
	$(SWIFT) package dump-symbol-graph --minimum-access-level public
	rm -rf .build/graphs .build/docs && mkdir .build/graphs && cp .build/*/symbolgraph/{Transformer,ModelLoader,GateOptimizer,MapReporter}.symbols.json .build/graphs
	docc convert docs/Reference.docc --additional-symbol-graph-dir .build/graphs --fallback-display-name zigzag --fallback-bundle-identifier zigzag --output-path .build/docs

run: build ## Fetch and import what is missing, then run CONFIG to its report
	@.ci/setup for $(CONFIG)
	$(ZIGZAG) run $(CONFIG)

sweep: build ## Make the runs of SWEEP and the page that compares them
	@.ci/setup for $(SWEEP)
	$(ZIGZAG) sweep $(SWEEP)

clean: ## Remove what was built; models and runs stay
	$(SWIFT) package clean

libraries:
	@.ci/setup libraries
	@[[ -z "$$ZIGZAG_MPI" ]] || .ci/setup mpi
