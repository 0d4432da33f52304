"""The engine's figures, each from one command: `python -m huracan_assets_tests.benchmarks NAME`.

Every module here beside the harness holds benchmarks; importing it registers them.
"""
