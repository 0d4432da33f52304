"""What the analysts say of a night's trades: why they won or lost, what came after their exits, what was missed."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ANALYSIS = """
    CREATE TABLE {name} (
        symbol text NOT NULL,
        night date NOT NULL,
        as_of timestamptz NOT NULL,
        known_at timestamptz NOT NULL,
        side smallint NOT NULL CHECK (side IN (-1, 1)),
        regime text NOT NULL,
        engine text NOT NULL,
        exit_reason text NOT NULL,
        gross_bps double precision NOT NULL,
        net_bps double precision NOT NULL CHECK (net_bps {sign} 0),
        cause text NOT NULL,
        fired text[] NOT NULL,
        evidence jsonb NOT NULL,
        PRIMARY KEY (symbol, night, as_of),
        CHECK (known_at > as_of)
    )
"""


def upgrade() -> None:
    op.execute(ANALYSIS.format(name="win_analysis", sign=">"))
    op.execute(ANALYSIS.format(name="loss_analysis", sign="<="))
    op.execute(
        """
        CREATE TABLE post_exit_tracking (
            symbol text NOT NULL,
            night date NOT NULL,
            as_of timestamptz NOT NULL,
            exit_at timestamptz NOT NULL,
            known_at timestamptz NOT NULL,
            side smallint NOT NULL CHECK (side IN (-1, 1)),
            net_bps double precision NOT NULL,
            best_bps double precision,
            best_minutes integer,
            worst_bps double precision,
            worst_minutes integer,
            end_bps double precision,
            verdict text NOT NULL,
            PRIMARY KEY (symbol, night, as_of),
            CHECK (known_at > exit_at)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE missed_trades (
            symbol text NOT NULL,
            night date NOT NULL,
            gate text NOT NULL,
            bars integer NOT NULL,
            judged integer NOT NULL,
            independent double precision NOT NULL,
            would_have_won double precision CHECK (would_have_won BETWEEN 0 AND 1),
            net_bps double precision,
            low_bps double precision,
            high_bps double precision,
            verdict text NOT NULL,
            PRIMARY KEY (symbol, night, gate)
        )
        """
    )


def downgrade() -> None:
    for name in ("missed_trades", "post_exit_tracking", "loss_analysis", "win_analysis"):
        op.execute(f"DROP TABLE {name}")
