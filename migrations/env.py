"""Alembic's entry: runs the migrations on the connection that `gateway.store.upgrade` brings."""

from alembic import context

from gateway.store.rollup_tables import ROLLUP_MARKS

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("migrations run through `sizewise db upgrade`, not through `alembic` itself")

context.configure(
    connection=connection,
    target_metadata=ROLLUP_MARKS.metadata,
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
