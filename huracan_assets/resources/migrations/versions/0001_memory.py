"""The pattern memory: every shadow trade with its set-up, the map that embedded it, the patterns found."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute(
        """
        CREATE TABLE embeddings (
            symbol text NOT NULL,
            night date NOT NULL,
            parameters jsonb NOT NULL,
            PRIMARY KEY (symbol, night)
        )
        """
    )
    op.execute(
        """
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
            gross_bps double precision NOT NULL,
            cost_bps double precision NOT NULL,
            funding_bps double precision NOT NULL,
            net_bps double precision NOT NULL,
            pnl_gbp double precision NOT NULL,
            regime text NOT NULL,
            engine text NOT NULL,
            confidence double precision NOT NULL,
            embedding vector(32) NOT NULL,
            PRIMARY KEY (symbol, night, as_of),
            FOREIGN KEY (symbol, night) REFERENCES embeddings ON DELETE CASCADE,
            CHECK (known_at > as_of)
        )
        """
    )
    op.execute("CREATE INDEX trade_memory_known ON trade_memory (symbol, night, known_at)")
    op.execute(
        """
        CREATE TABLE pattern_library (
            symbol text NOT NULL,
            night date NOT NULL,
            pattern smallint NOT NULL,
            centroid vector(32) NOT NULL,
            trades integer NOT NULL,
            win_rate double precision NOT NULL,
            mean_net_bps double precision NOT NULL,
            first_seen timestamptz NOT NULL,
            last_seen timestamptz NOT NULL,
            PRIMARY KEY (symbol, night, pattern)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE pattern_library")
    op.execute("DROP TABLE trade_memory")
    op.execute("DROP TABLE embeddings")
