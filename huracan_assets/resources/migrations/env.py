"""Alembic's entry: runs the migrations online against the URL that `ensure_schema` hands over."""

from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
with engine.connect() as opened:
    context.configure(connection=opened, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
