// Package billing is subscription billing on Stripe and PostgreSQL, to be mounted on a host's http.ServeMux.
//
// A host calls Migrate, makes a Config by ConfigFromEnv, ties everything together by New with its own Authenticate,
// checks the prices, mounts the routes and runs the worker:
//
//	m, err := billing.New(billing.NewStore(pool), config, authenticate, slog.Default())
//	m.Mount(mux)
//	go m.Worker.Run(ctx, time.Second)
//
// Rules that everything follows: amounts are whole cents and times UTC; a client names a plan and never a price; a
// delivery of Stripe's is stored and answered, and the worker fetches what it hints at, under the customer's lock, so that
// neither order nor repetition matters; every change that a user asks for is a row before Stripe hears of it, and the
// row's id is the idempotency key; a subscription that has ended stays so; every change leaves an audit row that cannot
// be changed.
//
// The package is also the blueprint that `spec` copies into a project task by task (blueprint.yaml says which file
// belongs to which task), so it imports nothing of its module but itself.
//
// # What is there of the specification that it was made from
//
//	five user stories               there
//	six functional requirements     there
//	eight acceptance criteria       there, with corrections: deduplication by the event's id and not by its signature;
//	                                eight statuses and not five; the year's price less the rest of the month on upgrade
//	seven edge cases                concurrent changes, cancellation, second sessions, foreign currency: there;
//	                                dunning mails, trial rules and price changes: not yet
//	four non-functional             acknowledgement without waiting, audit log: there; cache, export and erasure: not yet
//
// # Setting it up at Stripe
//
// Make the two prices (2900 cents every 30 days, 29000 cents every 365 days). Register the webhook endpoint
// /api/billing/webhook with API version 2023-10-16 and the events customer.subscription.*, checkout.session.*, invoice.*
// and subscription_schedule.*. In the portal's configuration, turn plan changes off: they would not follow the rules
// above. Set STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET, PRICE_MONTHLY, PRICE_ANNUAL and BASE_URL.
package billing
