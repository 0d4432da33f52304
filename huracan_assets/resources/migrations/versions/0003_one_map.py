"""One map for all nights and symbols, the ledger's whole context, each trade once, patterns with health.

Points of the first schema were made by a map of their own night, so no later night could search them together. The
ledgers that they belong to lie in the lake; the memory begins anew.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEEDED = """
DO $$ BEGIN
    IF (SELECT string_to_array(extversion, '.')::int[] < '{0,8}' FROM pg_extension WHERE extname = 'vector') THEN
        RAISE EXCEPTION 'pgvector 0.8 or newer is needed, for its iterative scan: ALTER EXTENSION vector UPDATE';
    END IF;
END $$
"""
NIGHTS = """
CREATE TABLE memory_nights (
    symbol text NOT NULL,
    night date NOT NULL,
    map text NOT NULL,
    trades integer NOT NULL,
    compared boolean NOT NULL,
    PRIMARY KEY (symbol, night)
)
"""
TRADES = """
CREATE TABLE trade_memory (
    symbol text NOT NULL,
    night date NOT NULL,
    as_of timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    side smallint NOT NULL CHECK (side IN (-1, 1)),
    entry_at timestamptz NOT NULL,
    entry_price double precision NOT NULL,
    exit_price double precision NOT NULL,
    exit_reason text NOT NULL,
    size_gbp double precision NOT NULL,
    filled_share double precision NOT NULL,
    gross_bps double precision NOT NULL,
    fee_bps double precision NOT NULL,
    half_spread_bps double precision NOT NULL,
    impact_bps double precision NOT NULL,
    cost_bps double precision NOT NULL,
    funding_bps double precision NOT NULL,
    net_bps double precision NOT NULL,
    slippage_bps double precision NOT NULL,
    pnl_gbp double precision NOT NULL,
    regime text NOT NULL,
    engine text NOT NULL,
    confidence double precision NOT NULL,
    expected_net_bps double precision NOT NULL,
    agreement double precision NOT NULL,
    rl_agent double precision NOT NULL,
    pattern_recognition double precision NOT NULL,
    regime_analysis double precision NOT NULL,
    historical_similarity double precision NOT NULL,
    alpha_engines double precision NOT NULL,
    mfe_bps double precision NOT NULL,
    mae_bps double precision NOT NULL,
    fold integer NOT NULL,
    embedding vector(32),
    PRIMARY KEY (symbol, night, as_of),
    CHECK (known_at > as_of)
)
"""
SET_UPS = """
CREATE TABLE set_ups (
    symbol text NOT NULL,
    night date NOT NULL,
    as_of timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    map text NOT NULL,
    side smallint NOT NULL,
    regime text NOT NULL,
    net_bps double precision NOT NULL,
    embedding vector(32) NOT NULL,
    PRIMARY KEY (symbol, night, as_of)
)
"""
PATTERNS = """
CREATE TABLE pattern_library (
    symbol text NOT NULL,
    night date NOT NULL,
    pattern smallint NOT NULL,
    trades integer NOT NULL,
    long_share double precision NOT NULL,
    win_rate double precision NOT NULL,
    mean_net_bps double precision NOT NULL,
    shrunk_net_bps double precision NOT NULL,
    confidence double precision,
    recent_trades integer NOT NULL,
    recent_net_bps double precision,
    health text NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    centroid vector(32) NOT NULL,
    elsewhere_trades integer NOT NULL,
    elsewhere_net_bps double precision,
    PRIMARY KEY (symbol, night, pattern)
)
"""
SEARCHES = """
CREATE TABLE cross_searches (
    symbol text NOT NULL,
    night date NOT NULL,
    set_ups integer NOT NULL,
    probes integer NOT NULL,
    recall double precision,
    exact boolean NOT NULL,
    PRIMARY KEY (symbol, night)
)
"""


def upgrade() -> None:
    op.execute(NEEDED)
    for table in ("pattern_library", "trade_memory", "embeddings"):
        op.execute(f"DROP TABLE {table}")
    for table in (NIGHTS, TRADES, SET_UPS, PATTERNS, SEARCHES):
        op.execute(table)
    op.execute("CREATE INDEX memory_nights_to_compare ON memory_nights (night) WHERE NOT compared")
    op.execute("CREATE INDEX set_ups_known ON set_ups (symbol, known_at)")
    op.execute("CREATE INDEX set_ups_near ON set_ups USING hnsw (embedding vector_l2_ops)")


def downgrade() -> None:
    raise NotImplementedError("the tables of schema 0002 are gone: give an older engine an empty database")
