"""Only nights whose leakage report was clean teach the nights after them.

Nothing in the database tells how the report of a past night ended, so none of them is cleared: materialising
`leakage_report` of a night judges it, as far as its recipe is still the engine's, and no other recipe's is asked for.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE memory_nights ADD COLUMN cleared boolean NOT NULL DEFAULT false")
    op.execute("DELETE FROM set_ups")
    op.execute("UPDATE memory_nights SET compared = false")
    op.execute("DROP INDEX memory_nights_to_compare")
    op.execute("CREATE INDEX memory_nights_to_compare ON memory_nights (night) WHERE cleared AND NOT compared")


def downgrade() -> None:
    op.execute("DROP INDEX memory_nights_to_compare")
    op.execute("CREATE INDEX memory_nights_to_compare ON memory_nights (night) WHERE NOT compared")
    op.execute("ALTER TABLE memory_nights DROP COLUMN cleared")
