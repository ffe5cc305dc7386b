// Package billing is subscription billing on Stripe and PostgreSQL, to be mounted on a host's http.ServeMux.
//
//	m, err := billing.New(billing.NewStore(pool), config, authenticate, mailer, slog.Default())
//	err = m.Check(ctx) // the prices at Stripe are what the plans say
//	m.Mount(mux)
//	go m.Run(ctx)      // beside the server; m.Access says whether a user may use what is paid for
//
// Migrate comes before. Set-up at Stripe, environment, operation and decisions stand in doc.go, below the package clause.
package billing

// # The rules that everything follows
//
// Amounts are whole cents and times UTC; a client names a plan and never a price; a delivery of Stripe's is stored and
// answered, and the worker fetches what it hints at, under the customer's lock, so that neither order nor repetition
// matters; every change that a user asks for is a row before Stripe hears of it, and the row's id is the idempotency key; a
// subscription that has ended stays so; every change leaves an audit row that cannot be changed. The package imports nothing
// of its module but itself.
//
// # Setting it up at Stripe
//
//  1. Make two prices: 2900 cents every 30 days, and 29000 cents every 365 days; both in USD, with the interval "day".
//     Their ids are PRICE_MONTHLY and PRICE_ANNUAL. Check refuses to start with any others.
//  2. Register a webhook endpoint, https://HOST/api/billing/webhook, with API version 2023-10-16 and the events
//     checkout.session.*, customer.subscription.*, customer.deleted, invoice.* and subscription_schedule.*. Its signing
//     secret is STRIPE_WEBHOOK_SECRET.
//  3. In the customer portal's configuration, allow changes of the payment method, and turn changes of plan off: one that
//     is made there would not wait for the end of the period. Cancellation, where it is allowed, is at the end of the period.
//  4. In the settings of failed payments, choose the attempts, and that the subscription is cancelled after the last one.
//  5. Make a restricted key that may write customers, checkout sessions, portal sessions, subscriptions, invoices and
//     refunds, and read prices and events. It is STRIPE_SECRET_KEY.
//
// # Environment
//
// STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET, PRICE_MONTHLY, PRICE_ANNUAL and BASE_URL have to be set. TRIAL_DAYS gives a
// first subscription a trial. AMOUNT_MONTHLY and AMOUNT_ANNUAL (cents) go with a new price id when prices change; prices of
// before stay known. STRIPE_API_BASE is for tests. To rotate the webhook secret, set both with a comma in between, the new
// one first, change it at Stripe, and take the old one away after a day.
//
// # Migration and database
//
// Migrate runs as the role that owns the tables; Grants lists what the role of the running service needs, which neither
// alters tables nor deletes rows. Migrate with version 0 takes everything away: export what the law wants kept before.
// Set statement_timeout (10 s) and idle_in_transaction_session_timeout (60 s) on the pool; the worker holds a transaction
// while it asks Stripe. Half of the pool's connections at most are held so, and Config.Workers of them by the worker: give
// the pool at least eight. To roll a release back, deploy the one before: the schema of a version is what it needs and no
// less, so migrate down only after the older program runs. A pooler in transaction mode does not carry LISTEN: without it the
// cache is not used, and everything else works.
//
// # What to watch
//
// Module.Health reads the figures; lines of level ERROR are alarms.
//
//	Pending, Oldest   events that wait. Over 1000, or over five minutes: is Run running; does Stripe answer?
//	DeadLetters       events that were given up after 12 attempts (about half an hour). Repair what last_error in
//	                  stripe_events says, then Worker.Replay.
//	Quarantined       subscriptions in another currency or of an unknown price; they give no access. Somebody made them by
//	                  hand: cancel them at Stripe, or add the price to the table prices and run Worker.Reconcile.
//	Mails             mails that wait. The Mailer refuses them; last_error in outbox says why.
//	StuckChange       changes whose outcome is unknown and that nobody asked for again. Worker.Reconcile writes what
//	                  Stripe says; the next request gives the row up.
//
// "The endpoint speaks another version": set the endpoint's API version to 2023-10-16; its events are processed all the
// same. "Could not be returned; return it by hand": refund the named invoice in the dashboard.
//
// After an outage of more than three days, for which Stripe tries again, run Worker.Reconcile; once a day does no harm. It
// also compares every customer's subscriptions. "A second subscription was paid for" needs no action: the newer one was
// cancelled and refunded; look why there were two.
//
// # Decisions
//
//   - A past_due or unpaid subscription that its user cancels ends now, and its open invoice is voided: waiting would give
//     access that nobody pays for. An active one ends with its period; a trial ends with itself, or now where the user
//     asks for that.
//   - past_due keeps access while Stripe tries again; unpaid has none. A cancelled subscription loses access with the end of
//     its period, also while the event that says so is late. One that goes on keeps it for 72 hours (in which Stripe
//     delivers again) beyond a period whose renewal nobody has heard of, and longer where Stripe said after the end that it
//     goes on.
//   - A subscription that we have and that turns foreign (another currency, an unknown price) keeps its plan, follows its
//     status and gives no access until it turns back.
//   - A change that Stripe answered with its own failure is a failed row when Stripe then says that nothing changed: the
//     answer would be replayed for a day under the same key. One whose answer was lost stays open and is sent again. For the
//     same reason a customer and a session get another key after such an answer (at worst there is a customer too many, who
//     has no subscription), and what Stripe does not do twice (refunds, endings) gets one for each try.
//   - An upgrade during a trial swaps the price and keeps the trial: Stripe does not promise that a cycle can begin anew in
//     one. Otherwise billing_cycle_anchor=now is always sent, since the change of interval alone may not move it.
//   - The moment of a proration is Stripe's (from its preview of the invoice), so that test clocks and clocks that differ
//     prorate alike.
//   - Upgrading a cancelled subscription is refused: whether it is to go on is the user's to say first.
//   - A trial is given once a user. A second paid subscription is cancelled, the newer of the two, and all that was paid for it
//     is returned. The money goes back first: of a subscription that has ended nobody asks whether it was a second one.
//   - After an erasure invoices and the audit log stay, by the user's id alone. What was paid for and not used is not
//     refunded.
