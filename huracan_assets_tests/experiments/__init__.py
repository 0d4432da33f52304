"""Questions put to the engine, each from one command: `python -m huracan_assets_tests.experiments NAME`.

Every module here beside the harness holds experiments; importing it registers them.
"""
