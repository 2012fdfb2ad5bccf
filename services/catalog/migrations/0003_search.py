"""Search documents, suggestion terms, what people searched for."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("""
        CREATE TABLE search_documents (
          product_id uuid PRIMARY KEY REFERENCES products,
          name text NOT NULL,
          haystack text NOT NULL,
          tokens tsvector NOT NULL,
          terms text[] NOT NULL,
          sales integer NOT NULL
        ) WITH (fillfactor = 80)""")
    op.execute("CREATE INDEX search_documents_tokens_idx ON search_documents USING gin (tokens)")
    op.execute("""
        CREATE TABLE suggestion_terms (
          term text PRIMARY KEY,
          pinyin text NOT NULL,
          initials text NOT NULL,
          products integer NOT NULL CONSTRAINT suggestion_terms_products_check CHECK (products >= 0),
          searches integer NOT NULL DEFAULT 0
        )""")
    op.execute("CREATE INDEX suggestion_terms_term_idx ON suggestion_terms (term text_pattern_ops)")
    op.execute("CREATE INDEX suggestion_terms_pinyin_idx ON suggestion_terms (pinyin text_pattern_ops)")
    op.execute("CREATE INDEX suggestion_terms_initials_idx ON suggestion_terms (initials text_pattern_ops)")
    op.execute("CREATE INDEX suggestion_terms_fuzzy_idx ON suggestion_terms USING gin (pinyin gin_trgm_ops)")
    op.execute("""
        CREATE TABLE search_queries (
          searched_on date NOT NULL,
          query text NOT NULL,
          searches integer NOT NULL,
          results integer NOT NULL,
          PRIMARY KEY (searched_on, query)
        )""")
    op.execute("""
        CREATE TABLE search_history (
          member_id uuid NOT NULL,
          query text NOT NULL,
          searched_at timestamptz NOT NULL,
          PRIMARY KEY (member_id, query)
        )""")
