"""Categories, after-sale policies, products and SKUs."""

from alembic import op

from shared.migrations import create_kernel_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_kernel_tables()
    op.execute("""
        CREATE TABLE after_sale_policies (
          key text PRIMARY KEY,
          title text NOT NULL,
          text text NOT NULL,
          days integer NOT NULL CONSTRAINT after_sale_policies_days_check CHECK (days BETWEEN 0 AND 365),
          is_default boolean NOT NULL DEFAULT false,
          updated_at timestamptz NOT NULL
        )""")
    op.execute(
        "CREATE UNIQUE INDEX after_sale_policies_default_key ON after_sale_policies (is_default) WHERE is_default"
    )
    op.execute("""
        CREATE TABLE categories (
          id uuid PRIMARY KEY,
          parent_id uuid REFERENCES categories,
          path uuid[] NOT NULL,
          name text NOT NULL,
          icon_url text,
          is_tab boolean NOT NULL DEFAULT false,
          sort integer NOT NULL DEFAULT 0,
          after_sale_policy_key text REFERENCES after_sale_policies,
          updated_at timestamptz NOT NULL,
          CONSTRAINT categories_depth_check CHECK (cardinality(path) BETWEEN 1 AND 3 AND path[1] = id),
          CONSTRAINT categories_name_key UNIQUE NULLS NOT DISTINCT (parent_id, name)
        )""")
    op.execute("""
        CREATE TABLE products (
          id uuid PRIMARY KEY,
          product_code text NOT NULL UNIQUE,
          name text NOT NULL,
          subtitle text,
          brand text,
          description text,
          category_id uuid NOT NULL REFERENCES categories,
          options jsonb NOT NULL DEFAULT '[]',
          media jsonb NOT NULL DEFAULT '[]',
          image_url text GENERATED ALWAYS AS
            (jsonb_path_query_first(media, '$[*] ? (@.kind == "image").url') #>> '{}') STORED,
          attributes jsonb NOT NULL DEFAULT '[]',
          keywords text[] NOT NULL DEFAULT '{}',
          after_sale_policy_key text REFERENCES after_sale_policies,
          status text NOT NULL CONSTRAINT products_status_check CHECK (status IN ('draft', 'on_sale', 'off_sale')),
          min_price_fen bigint NOT NULL DEFAULT 0,
          max_price_fen bigint NOT NULL DEFAULT 0,
          market_price_fen bigint,
          sales integer NOT NULL DEFAULT 0 CONSTRAINT products_sales_check CHECK (sales >= 0),
          version integer NOT NULL DEFAULT 1,
          created_at timestamptz NOT NULL,
          updated_at timestamptz NOT NULL,
          published_at timestamptz,
          CONSTRAINT products_published_check CHECK (status <> 'on_sale' OR published_at IS NOT NULL)
        )""")
    op.execute("CREATE INDEX products_category_idx ON products (category_id)")
    op.execute("CREATE INDEX products_newest_idx ON products (published_at, id) WHERE status = 'on_sale'")
    op.execute("CREATE INDEX products_sales_idx ON products (sales, id) WHERE status = 'on_sale'")
    op.execute("CREATE INDEX products_price_idx ON products (min_price_fen, id) WHERE status = 'on_sale'")
    op.execute("""
        CREATE TABLE skus (
          id uuid PRIMARY KEY,
          product_id uuid NOT NULL REFERENCES products,
          sku_code text NOT NULL UNIQUE,
          options jsonb NOT NULL DEFAULT '{}',
          price_fen bigint NOT NULL CONSTRAINT skus_price_check CHECK (price_fen BETWEEN 0 AND 10000000000),
          market_price_fen bigint CONSTRAINT skus_market_price_check CHECK (market_price_fen BETWEEN 0 AND 10000000000),
          weight_grams integer NOT NULL DEFAULT 0 CONSTRAINT skus_weight_check CHECK (weight_grams >= 0),
          image_url text,
          is_active boolean NOT NULL DEFAULT true,
          updated_at timestamptz NOT NULL,
          CONSTRAINT skus_options_key EXCLUDE USING btree (product_id WITH =, options WITH =) WHERE (is_active)
            DEFERRABLE INITIALLY IMMEDIATE
        )""")
    op.execute("CREATE INDEX skus_product_idx ON skus (product_id)")
