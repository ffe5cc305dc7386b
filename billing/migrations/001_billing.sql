-- Subscription billing. The host project brings the table users(id uuid). All times are UTC, all amounts whole cents.

-- spec:subscription-billing/4.1
CREATE TYPE subscription_status AS ENUM (
  'incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused'
);

CREATE TABLE stripe_customers (
  user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE RESTRICT,
  stripe_customer_id text UNIQUE,
  generation integer NOT NULL DEFAULT 0, -- how many customers the user had before this one
  deleted_at timestamptz,                -- deleted at Stripe: the next checkout makes a new one
  erased_at timestamptz,                 -- erased by us: there is no next checkout
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Every price that ever stood for a plan. Amounts never change at Stripe; a new amount is a new price, and subscriptions
-- go on with the old one.
CREATE TABLE prices (
  price_id text PRIMARY KEY,
  plan text NOT NULL CHECK (plan IN ('monthly', 'annual')),
  amount bigint NOT NULL CHECK (amount >= 0),
  currency text NOT NULL CHECK (currency = 'usd'),
  interval_days integer NOT NULL CHECK (interval_days > 0),
  active boolean NOT NULL,
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
CREATE INDEX checkout_sessions_user ON checkout_sessions (user_id);
CREATE UNIQUE INDEX checkout_sessions_one_open ON checkout_sessions (user_id) WHERE state = 'open';

-- spec:subscription-billing/4.1
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
  cancel_at timestamptz,
  trial_end timestamptz,
  canceled_at timestamptz,
  ended_at timestamptz,
  synced_at timestamptz NOT NULL DEFAULT now(), -- when Stripe was asked last, by Stripe's clock
  version integer NOT NULL DEFAULT 1,           -- counts the changes
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX subscriptions_user ON subscriptions (user_id);
CREATE INDEX subscriptions_customer ON subscriptions (stripe_customer_id);
-- spec:subscription-billing/4.4
CREATE UNIQUE INDEX subscriptions_one_live ON subscriptions (user_id)
  WHERE status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused');

-- spec:subscription-billing/14.1
CREATE FUNCTION subscriptions_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    NEW.version := OLD.version;
    NEW.updated_at := OLD.updated_at;
    OLD.synced_at := NEW.synced_at;
    IF NEW IS NOT DISTINCT FROM OLD THEN
      RETURN NEW; -- looking again is no change
    END IF;
    NEW.version := OLD.version + 1;
  END IF;
  NEW.updated_at := now();
  -- Other instances forget what they hold. An INSERT that finds its row there comes by here first: they hear of a quarantine too,
  -- which leaves the row as it is.
  PERFORM pg_notify('billing_subscriptions', NEW.user_id::text);
  RETURN NEW;
END
$$;
CREATE TRIGGER subscriptions_changed BEFORE INSERT OR UPDATE ON subscriptions
  FOR EACH ROW EXECUTE FUNCTION subscriptions_changed();

-- What belongs to one of our customers and must not give access: another currency, a price that stands for no plan.
CREATE TABLE quarantine (
  stripe_subscription_id text PRIMARY KEY,
  stripe_customer_id text NOT NULL,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  reason text NOT NULL,
  event_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  released_at timestamptz -- what was wrong is not so any more
);
CREATE INDEX quarantine_user ON quarantine (user_id);

CREATE TABLE invoices (
  id text PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  stripe_subscription_id text NOT NULL,
  number text NOT NULL DEFAULT '',
  amount_due bigint NOT NULL DEFAULT 0,
  amount_paid bigint NOT NULL,
  currency text NOT NULL,
  status text NOT NULL,
  billing_reason text NOT NULL DEFAULT '',
  attempt_count integer NOT NULL DEFAULT 0,
  period_start timestamptz,
  period_end timestamptz,
  hosted_invoice_url text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL
);
CREATE INDEX invoices_user ON invoices (user_id, created_at DESC);

-- Every change that a user asks for is a row before Stripe hears of it: its id is the idempotency key, its parameters
-- are what a retry sends again.
CREATE TABLE change_requests (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  subscription_id uuid NOT NULL REFERENCES subscriptions (id) ON DELETE RESTRICT,
  stripe_subscription_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('upgrade', 'downgrade', 'cancel', 'resume')),
  params jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed')),
  error text NOT NULL DEFAULT '',
  held_until timestamptz NOT NULL DEFAULT now(), -- by the request that works on it; later another may take it up
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
-- spec:subscription-billing/11.4
CREATE UNIQUE INDEX change_requests_one_open ON change_requests (subscription_id) WHERE state = 'open';
CREATE INDEX change_requests_user ON change_requests (user_id);

-- The inbox: a delivery is one insert, a worker does the rest. received_at and processed_at are two facts: an event whose
-- processing failed must not look like one that was done.
CREATE TABLE stripe_events (
  id text PRIMARY KEY,
  type text NOT NULL,
  api_version text NOT NULL DEFAULT '',
  livemode boolean NOT NULL,
  created timestamptz, -- as Stripe says; nothing is ordered by it
  customer text NOT NULL DEFAULT '',
  payload jsonb NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  processed_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  last_error text NOT NULL DEFAULT ''
);
CREATE INDEX stripe_events_pending ON stripe_events (received_at, id) WHERE processed_at IS NULL;
CREATE INDEX stripe_events_customer ON stripe_events (customer);

-- Mails: written in the transaction of what they tell, sent afterwards. The key is what makes a mail the same one.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  dedupe_key text NOT NULL UNIQUE,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  kind text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz,
  last_error text NOT NULL DEFAULT ''
);
CREATE INDEX outbox_pending ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_user ON outbox (user_id);

CREATE TABLE audit_logs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id uuid NOT NULL,
  subscription_id uuid REFERENCES subscriptions (id) ON DELETE RESTRICT,
  stripe_subscription_id text NOT NULL DEFAULT '', -- empty for what concerns the user as a whole
  actor text NOT NULL,                             -- stripe, user, job
  source text NOT NULL,                            -- event, user:…, job:…
  event_id text,
  "from" jsonb,
  "to" jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_logs_subscription ON audit_logs (subscription_id);
CREATE INDEX audit_logs_user ON audit_logs (user_id, id);
CREATE UNIQUE INDEX audit_logs_once ON audit_logs (event_id, stripe_subscription_id) WHERE event_id IS NOT NULL;

-- spec:subscription-billing/4.3
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
DROP TABLE outbox;
DROP TABLE stripe_events;
DROP TABLE change_requests;
DROP TABLE invoices;
DROP TABLE quarantine;
DROP TABLE subscriptions;
DROP FUNCTION subscriptions_changed();
DROP TABLE prices;
DROP TABLE checkout_sessions;
DROP TABLE stripe_customers;
DROP TYPE subscription_status;
