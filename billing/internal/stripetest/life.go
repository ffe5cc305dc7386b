package stripetest

import (
	"slices"
	"strconv"
	"strings"
)

// The cards that the payment page takes.
const (
	CardOK       = "ok"
	CardDeclines = "declined" // refused at once
	CardFails    = "fails"    // can be attached, and is refused when it is charged
	Card3DS      = "3ds"      // asks the holder at every charge
)

// retries are the days after the first failure at which an invoice is tried again; after the last the subscription ends.
var retries = []int64{3, 5, 7}

// Pay is what a user does on the hosted page: the session is paid and its subscription begins. It returns the
// subscription's id, or "" when nothing came of it.
func (s *Server) Pay(session string) string { return s.PayWith(session, CardOK) }

// PayWith pays with one of the cards. A card that fails later is one that pays the first time.
func (s *Server) PayWith(session, card string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[session]
	if o == nil || o["status"] != "open" || card == CardDeclines {
		return ""
	}
	sub := s.newSubscription(o)
	s.objects[o["customer"].(string)]["card"] = card
	if days, err := strconv.ParseInt(o["trial"].(string), 10, 64); err == nil && days > 0 {
		end := s.now + days*Day
		sub["status"], sub["trial_start"], sub["trial_end"], sub["current_period_end"] = "trialing", s.now, end, end
		s.paid(s.newInvoice(sub, 0, "subscription_create"))
		o["payment_status"] = "no_payment_required"
	} else {
		s.paid(s.newInvoice(sub, priceOf(sub), "subscription_create"))
		o["payment_status"] = "paid"
	}
	o["status"], o["subscription"] = "complete", sub["id"]
	s.event("customer.subscription.created", sub)
	s.event("checkout.session.completed", o)
	return sub["id"].(string)
}

// PayLater completes a session whose payment is still open: the subscription is incomplete.
func (s *Server) PayLater(session string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[session]
	sub := s.newSubscription(o)
	sub["status"] = "incomplete"
	in := s.newInvoice(sub, priceOf(sub), "subscription_create")
	in["attempt_count"] = 1
	o["status"], o["subscription"] = "complete", sub["id"]
	s.event("customer.subscription.created", sub)
	s.event("invoice.payment_failed", in)
	s.event("checkout.session.completed", o)
	return sub["id"].(string)
}

// Subscribe makes a customer with a subscription that was paid for, as a checkout would have. The events about it wait.
func (s *Server) Subscribe(user, price string) (customer, subscription string) {
	s.mu.Lock()
	c := s.put(M{"id": s.id("cus"), "object": "customer", "metadata": M{"user_id": user}, "created": s.now})
	o := s.put(M{"id": s.id("cs"), "object": "checkout.session", "status": "open", "customer": c["id"], "price": price, "quantity": int64(1), "user": user, "trial": "", "expires_at": s.now + Day})
	s.mu.Unlock()
	return c["id"].(string), s.Pay(o["id"].(string))
}

// newSubscription makes the subscription of a session. The lock is held.
func (s *Server) newSubscription(o M) M {
	p := s.objects[o["price"].(string)]
	return s.put(M{"id": s.id("sub"), "object": "subscription", "customer": o["customer"], "status": "active", "cancel_at_period_end": false, "currency": p["currency"], "schedule": nil,
		"current_period_start": s.now, "current_period_end": s.now + seconds(p), "start_date": s.now, "created": s.now, "metadata": M{"user_id": o["user"]},
		"items": M{"object": "list", "data": []any{M{"id": s.id("si"), "object": "subscription_item", "price": clone(p), "quantity": o["quantity"]}}}})
}

// newInvoice makes an open invoice. The lock is held.
func (s *Server) newInvoice(sub M, cents int64, reason string) M {
	id := s.id("in")
	sub["latest_invoice"] = id
	var intent any
	if cents > 0 {
		intent = s.id("pi")
	}
	return s.put(M{"id": id, "object": "invoice", "customer": sub["customer"], "subscription": sub["id"], "amount_paid": 0, "amount_due": cents, "currency": item(sub)["price"].(M)["currency"], "status": "open",
		"billing_reason": reason, "number": "N-" + strings.TrimLeft(strings.TrimPrefix(id, "in_"), "abcdefghijklmnopqrstuvwxyz"), "hosted_invoice_url": "https://invoice.stripe.test/" + id, "created": s.now, "attempt_count": 0, "payment_intent": intent, "next_payment_attempt": nil,
		"period_start": sub["current_period_start"], "period_end": sub["current_period_end"]})
}

// paid pays an invoice, and writes the charge into the ledger. The lock is held.
func (s *Server) paid(in M) {
	in["status"], in["amount_paid"], in["next_payment_attempt"] = "paid", in["amount_due"], nil
	if number(in["amount_due"]) > 0 {
		in["charge"] = s.put(M{"id": s.id("ch"), "object": "charge", "customer": in["customer"], "invoice": in["id"], "amount": in["amount_due"], "currency": in["currency"],
			"payment_intent": in["payment_intent"], "refunded": false, "amount_refunded": 0, "created": s.now})["id"]
	}
	s.event("invoice.paid", in)
}

// Charged is the ledger's sum of a customer's charges less refunds, in cents.
func (s *Server) Charged(customer string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for _, o := range s.objects {
		if o["object"] == "charge" && o["customer"] == customer {
			sum += int64(number(o["amount"]) - number(o["amount_refunded"]))
		}
	}
	return sum
}

func (s *Server) declines(sub M) bool {
	card, _ := s.objects[sub["customer"].(string)]["card"].(string)
	return card == CardDeclines || card == CardFails || card == Card3DS
}

// SetCard gives a customer another card; an open invoice is paid with it at the next attempt.
func (s *Server) SetCard(customer, card string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[customer]["card"] = card
}

// Decline makes the cards of a customer decline from now on, or not.
func (s *Server) Decline(customer string, declines bool) {
	s.SetCard(customer, map[bool]string{true: CardFails, false: CardOK}[declines])
}

// Change lets f change an object, and makes an event of it: what happens at Stripe without this package's doing.
func (s *Server) Change(id, event string, f func(M)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.objects[id])
	if event != "" {
		s.event(event, s.objects[id])
	}
}

// CancelNow ends a subscription at once, as from Stripe's dashboard.
func (s *Server) CancelNow(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(s.objects[id])
}

// A due is something that happens at a time.
type due struct {
	at int64
	do func()
}

// Advance moves the clock, and does what falls due on the way in the order of time: renewals, ends of trials, attempts
// to pay, phases of schedules, ends of cancelled subscriptions and of sessions.
func (s *Server) Advance(d int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for until := s.now + d; ; {
		next := due{at: until + 1}
		for _, id := range s.order {
			if n, ok := s.dueOf(s.objects[id]); ok && n.at < next.at {
				next = n
			}
		}
		if next.at > until {
			s.now = until
			return
		}
		s.now = max(s.now, next.at)
		next.do()
	}
}

// dueOf is what happens to an object next. The lock is held.
func (s *Server) dueOf(o M) (due, bool) {
	switch o["object"] {
	case "checkout.session":
		return due{int64(number(o["expires_at"])), func() { o["status"] = "expired"; s.event("checkout.session.expired", o) }}, o["status"] == "open"
	case "invoice":
		at := int64(number(o["next_payment_attempt"]))
		return due{at, func() { s.attempt(o) }}, o["status"] == "open" && at > 0
	case "subscription":
		end := int64(number(o["current_period_end"]))
		switch {
		case o["status"] == "trialing" && o["warned"] != true:
			return due{max(end-3*Day, s.now), func() { o["warned"] = true; s.event("customer.subscription.trial_will_end", o) }}, true
		case slices.Contains([]string{"active", "trialing", "past_due"}, o["status"].(string)):
			return due{end, func() { s.renew(o) }}, true
		}
	}
	return due{}, false
}

// attempt tries to pay an open invoice. The lock is held.
func (s *Server) attempt(in M) {
	sub := s.objects[in["subscription"].(string)]
	if !s.declines(sub) {
		s.paid(in)
		if sub["status"] != "canceled" && sub["status"] != "active" {
			sub["status"] = "active"
			s.event("customer.subscription.updated", sub)
		}
		return
	}
	n := int(number(in["attempt_count"])) + 1
	in["attempt_count"], in["next_payment_attempt"] = n, nil
	if n <= len(retries) {
		in["next_payment_attempt"] = int64(number(in["created"])) + retries[n-1]*Day
	}
	s.event("invoice.payment_failed", in)
	if s.objects[sub["customer"].(string)]["card"] == Card3DS {
		s.event("invoice.payment_action_required", in)
	}
	switch {
	case n <= len(retries) && sub["status"] != "past_due":
		sub["status"] = "past_due"
		s.event("customer.subscription.updated", sub)
	case n <= len(retries):
	case s.Final == "unpaid":
		sub["status"] = "unpaid"
		s.event("customer.subscription.updated", sub)
	default:
		s.end(sub)
	}
}

// renew begins the next period of a subscription, or ends it. The lock is held.
func (s *Server) renew(sub M) {
	if sub["cancel_at_period_end"] == true {
		s.end(sub)
		return
	}
	if id, ok := sub["schedule"].(string); ok {
		o := s.objects[id]
		if phases := o["phases"].([]any); len(phases) > 1 {
			next := phases[1].(M)["items"].([]any)[0].(M)
			item(sub)["price"], item(sub)["quantity"] = clone(s.objects[next["price"].(string)]), next["quantity"]
		}
		o["status"], sub["schedule"] = "released", nil
		s.event("subscription_schedule.released", o)
	}
	p := item(sub)["price"].(M)
	if sub["status"] == "trialing" {
		sub["status"] = "active"
	}
	sub["current_period_start"], sub["current_period_end"] = s.now, s.now+seconds(p)
	s.event("customer.subscription.updated", sub)
	s.attempt(s.newInvoice(sub, priceOf(sub), "subscription_cycle"))
}
