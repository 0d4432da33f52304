"""A folder of recorded candles: Parquet, CSV, and the public archive's ZIP files."""
