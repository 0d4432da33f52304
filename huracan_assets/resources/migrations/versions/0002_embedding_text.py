"""Embeddings as the JSON text that was written: `jsonb` forgets the sign of a zero, and other bits came back."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE embeddings ALTER COLUMN parameters TYPE json USING parameters::json")


def downgrade() -> None:
    op.execute("ALTER TABLE embeddings ALTER COLUMN parameters TYPE jsonb USING parameters::jsonb")
