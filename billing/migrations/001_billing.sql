-- Subscription billing. The host project brings the table users(id uuid). All times are UTC, all amounts whole cents.

CREATE TYPE subscription_status AS ENUM (
  'incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused'
);

CREATE TABLE stripe_customers (
  user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE RESTRICT,
  stripe_customer_id text UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE checkout_sessions (
  id text PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  plan text NOT NULL CHECK (plan IN ('monthly', 'annual')),
  url text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'complete', 'expired')),
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX checkout_sessions_one_open ON checkout_sessions (user_id) WHERE state = 'open';

CREATE TABLE subscriptions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  plan text NOT NULL CHECK (plan IN ('monthly', 'annual')),
  status subscription_status NOT NULL DEFAULT 'incomplete',
  stripe_customer_id text NOT NULL,
  stripe_subscription_id text NOT NULL UNIQUE,
  stripe_item_id text NOT NULL DEFAULT '',
  stripe_schedule_id text NOT NULL DEFAULT '',
  price_id text NOT NULL,
  unit_amount bigint NOT NULL CHECK (unit_amount >= 0),
  currency text NOT NULL CHECK (currency = 'usd'),
  interval_days integer NOT NULL CHECK (interval_days > 0),
  pending_plan text CHECK (pending_plan IN ('monthly', 'annual')),
  current_period_start timestamptz NOT NULL,
  current_period_end timestamptz NOT NULL,
  cancel_at_period_end boolean NOT NULL DEFAULT false,
  trial_end timestamptz,
  canceled_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX subscriptions_user ON subscriptions (user_id);
CREATE INDEX subscriptions_customer ON subscriptions (stripe_customer_id);
CREATE UNIQUE INDEX subscriptions_one_live ON subscriptions (user_id)
  WHERE status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused');

CREATE TABLE invoices (
  id text PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  stripe_subscription_id text NOT NULL,
  number text NOT NULL DEFAULT '',
  amount_paid bigint NOT NULL,
  currency text NOT NULL,
  status text NOT NULL,
  hosted_invoice_url text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL
);
CREATE INDEX invoices_user ON invoices (user_id, created_at DESC);

-- Every change that a user asks for is a row before Stripe hears of it: its id is the idempotency key, its parameters
-- are what a retry sends again.
CREATE TABLE change_requests (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  stripe_subscription_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('upgrade', 'downgrade', 'cancel', 'resume')),
  params jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed')),
  error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
CREATE UNIQUE INDEX change_requests_one_open ON change_requests (stripe_subscription_id) WHERE state = 'open';

-- The inbox: a delivery is one insert, a worker does the rest. received_at and processed_at are two facts: an event whose
-- processing failed must not look like one that was done.
CREATE TABLE stripe_events (
  id text PRIMARY KEY,
  type text NOT NULL,
  api_version text NOT NULL DEFAULT '',
  livemode boolean NOT NULL,
  customer text NOT NULL DEFAULT '',
  payload jsonb NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  processed_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  last_error text NOT NULL DEFAULT ''
);
CREATE INDEX stripe_events_pending ON stripe_events (next_attempt_at, received_at) WHERE processed_at IS NULL;

CREATE TABLE audit_logs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  stripe_subscription_id text NOT NULL,
  source text NOT NULL,
  before jsonb,
  after jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_logs_subscription ON audit_logs (stripe_subscription_id);

CREATE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_logs is append-only';
END
$$;
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
  FOR EACH ROW EXECUTE FUNCTION audit_logs_append_only();
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
  FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_append_only();

---- create above / drop below ----

DROP TABLE audit_logs;
DROP FUNCTION audit_logs_append_only();
DROP TABLE stripe_events;
DROP TABLE change_requests;
DROP TABLE invoices;
DROP TABLE subscriptions;
DROP TABLE checkout_sessions;
DROP TABLE stripe_customers;
DROP TYPE subscription_status;
