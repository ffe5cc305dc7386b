package stripetest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// route finds the resource that a request is about. The lock is held.
func (s *Server) route(c Call) (M, *apiError) {
	parts := strings.Split(strings.Trim(strings.TrimPrefix(c.Path, "/v1/"), "/"), "/")
	name, id, verb := parts[0], "", ""
	if name == "checkout" || name == "billing_portal" {
		if len(parts) < 2 {
			return nil, missing(c.Path)
		}
		name, parts = name+"/"+parts[1], parts[1:]
	}
	if len(parts) > 1 {
		id = parts[1]
	}
	if len(parts) > 2 {
		verb = parts[2]
	}
	if c.Method == "GET" {
		if id == "" {
			return s.list(name, c.Form)
		}
		o := s.objects[id]
		if o == nil {
			return nil, missing(id)
		}
		return o, nil
	}
	switch {
	case name == "customers" && c.Method == "POST" && id == "":
		return s.put(M{"id": s.id("cus"), "object": "customer", "metadata": metadata(c.Form, "metadata")}), nil
	case name == "checkout/sessions" && id == "":
		return s.newSession(c.Form)
	case name == "checkout/sessions" && verb == "expire":
		return s.expireSession(id)
	case name == "billing_portal/sessions":
		if s.objects[c.Form.Get("customer")] == nil {
			return nil, missing(c.Form.Get("customer"))
		}
		return s.put(M{"id": s.id("bps"), "object": "billing_portal.session", "url": "https://billing.stripe.test/p/" + c.Form.Get("customer"), "return_url": c.Form.Get("return_url")}), nil
	case name == "subscriptions" && c.Method == "POST":
		return s.updateSubscription(id, c.Form)
	case name == "subscriptions" && c.Method == "DELETE":
		return s.cancelNow(id)
	case name == "subscription_schedules" && id == "":
		return s.newSchedule(c.Form)
	case name == "subscription_schedules" && verb == "release":
		return s.releaseSchedule(id)
	case name == "subscription_schedules":
		return s.updateSchedule(id, c.Form)
	}
	return nil, missing(c.Method + " " + c.Path)
}

func metadata(f url.Values, prefix string) M {
	m := M{}
	for key, values := range f {
		if rest, ok := strings.CutPrefix(key, prefix+"["); ok {
			m[strings.TrimSuffix(rest, "]")] = values[0]
		}
	}
	return m
}

func (s *Server) list(name string, f url.Values) (M, *apiError) {
	kinds := map[string]string{"subscriptions": "subscription", "invoices": "invoice", "customers": "customer", "prices": "price"}
	data := []M{}
	for _, o := range s.all(kinds[name]) {
		if c := f.Get("customer"); c == "" || o["customer"] == c {
			data = append(data, o)
		}
	}
	return M{"object": "list", "url": "/v1/" + name, "has_more": false, "data": data}, nil
}

func (s *Server) newSession(f url.Values) (M, *apiError) {
	p := s.objects[f.Get("line_items[0][price]")]
	switch {
	case f.Get("mode") != "subscription":
		return nil, invalid("mode")
	case p == nil:
		return nil, missing(f.Get("line_items[0][price]"))
	case s.objects[f.Get("customer")] == nil:
		return nil, missing(f.Get("customer"))
	}
	id := s.id("cs")
	return s.put(M{"id": id, "object": "checkout.session", "mode": "subscription", "status": "open", "payment_status": "unpaid", "customer": f.Get("customer"),
		"client_reference_id": f.Get("client_reference_id"), "url": s.URL + "/pay/" + id, "expires_at": s.now + Day, "price": p["id"],
		"user": f.Get("subscription_data[metadata][user_id]"), "trial": f.Get("subscription_data[trial_period_days]"), "success_url": f.Get("success_url")}), nil
}

func (s *Server) expireSession(id string) (M, *apiError) {
	o := s.objects[id]
	if o == nil {
		return nil, missing(id)
	}
	if o["status"] != "open" {
		return nil, invalid("the session is %v", o["status"])
	}
	o["status"] = "expired"
	s.event("checkout.session.expired", o)
	return o, nil
}

// Pay is what a user does on the hosted page: the session is paid and its subscription begins. It returns the
// subscription's id.
func (s *Server) Pay(session string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[session]
	if o == nil || o["status"] != "open" {
		return ""
	}
	p := s.objects[o["price"].(string)]
	id := s.id("sub")
	sub := M{"id": id, "object": "subscription", "customer": o["customer"], "status": "active", "cancel_at_period_end": false, "currency": "usd", "schedule": nil,
		"current_period_start": s.now, "current_period_end": s.now + seconds(p), "created": s.now, "metadata": M{"user_id": o["user"]},
		"items": M{"object": "list", "data": []any{M{"id": s.id("si"), "object": "subscription_item", "price": clone(p), "quantity": 1}}}}
	s.put(sub)
	if days, err := strconv.ParseInt(o["trial"].(string), 10, 64); err == nil && days > 0 {
		sub["status"], sub["trial_end"], sub["current_period_end"] = "trialing", s.now+days*Day, s.now+days*Day
	} else {
		s.invoice(sub, amount(p), "subscription_create")
	}
	o["status"], o["payment_status"], o["subscription"] = "complete", "paid", id
	s.event("customer.subscription.created", sub)
	s.event("checkout.session.completed", o)
	return id
}

func seconds(p M) int64 {
	r := p["recurring"].(M)
	return int64(number(r["interval_count"])) * Day
}

func amount(p M) int64 { return int64(number(p["unit_amount"])) }

func number(v any) float64 {
	switch n := v.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}

// invoice makes a paid invoice. The lock is held.
func (s *Server) invoice(sub M, cents int64, reason string) {
	id := s.id("in")
	s.event("invoice.paid", s.put(M{"id": id, "object": "invoice", "customer": sub["customer"], "subscription": sub["id"], "amount_paid": cents, "amount_due": cents, "currency": "usd", "status": "paid",
		"billing_reason": reason, "number": "N-" + strings.TrimPrefix(id, "in_test"), "hosted_invoice_url": "https://invoice.stripe.test/" + id, "created": s.now}))
}

func item(sub M) M { return sub["items"].(M)["data"].([]any)[0].(M) }

func (s *Server) updateSubscription(id string, f url.Values) (M, *apiError) {
	sub := s.objects[id]
	if sub == nil {
		return nil, missing(id)
	}
	if sub["status"] == "canceled" {
		return nil, invalid("a canceled subscription cannot be updated")
	}
	if v := f.Get("cancel_at_period_end"); v != "" {
		if sub["schedule"] != nil {
			return nil, invalid("the subscription is managed by a schedule; release it first")
		}
		sub["cancel_at_period_end"] = v == "true"
		delete(sub, "canceled_at")
		if v == "true" {
			sub["canceled_at"] = s.now
		}
	}
	if p := f.Get("items[0][price]"); p != "" {
		if err := s.changePrice(sub, f); err != nil {
			return nil, err
		}
	}
	s.event("customer.subscription.updated", sub)
	return sub, nil
}

// changePrice swaps the price of the one item and, with always_invoice, charges the difference at once: a credit for the
// rest of the old period, rounded half up to cents, and the whole new price, since the cycle begins anew.
func (s *Server) changePrice(sub M, f url.Values) *apiError {
	to := s.objects[f.Get("items[0][price]")]
	switch {
	case to == nil:
		return missing(f.Get("items[0][price]"))
	case f.Get("items[0][id]") != item(sub)["id"]:
		return invalid("without the item's id a second item would be added")
	case sub["schedule"] != nil:
		return invalid("the subscription is managed by a schedule; release it first")
	}
	if s.objects[sub["customer"].(string)]["declines"] == true {
		if f.Get("payment_behavior") == "error_if_incomplete" {
			return &apiError{402, "card_error", "card_declined", "Your card was declined."}
		}
		sub["status"] = "past_due"
	}
	at := s.now
	if d, err := strconv.ParseInt(f.Get("proration_date"), 10, 64); err == nil {
		at = d
	}
	from := item(sub)["price"].(M)
	start, end := int64(number(sub["current_period_start"])), int64(number(sub["current_period_end"]))
	credit := (2*amount(from)*(end-at) + (end - start)) / (2 * (end - start))
	item(sub)["price"] = clone(to)
	if f.Get("billing_cycle_anchor") == "now" {
		sub["current_period_start"], sub["current_period_end"] = at, at+seconds(to)
	}
	if f.Get("proration_behavior") == "always_invoice" {
		s.invoice(sub, amount(to)-credit, "subscription_update")
	}
	return nil
}

// Decline makes the cards of a customer decline from now on, or not.
func (s *Server) Decline(customer string, declines bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[customer]["declines"] = declines
}

func (s *Server) cancelNow(id string) (M, *apiError) {
	sub := s.objects[id]
	if sub == nil {
		return nil, missing(id)
	}
	s.end(sub)
	return sub, nil
}

func (s *Server) end(sub M) {
	sub["status"], sub["ended_at"] = "canceled", s.now
	s.event("customer.subscription.deleted", sub)
}

func (s *Server) newSchedule(f url.Values) (M, *apiError) {
	sub := s.objects[f.Get("from_subscription")]
	switch {
	case sub == nil:
		return nil, missing(f.Get("from_subscription"))
	case len(f) > 1:
		return nil, invalid("from_subscription goes with no other parameter")
	case sub["schedule"] != nil:
		return nil, invalid("the subscription is managed by a schedule already")
	}
	id := s.id("sub_sched")
	sub["schedule"] = id
	s.event("customer.subscription.updated", sub)
	return s.put(M{"id": id, "object": "subscription_schedule", "status": "active", "subscription": sub["id"], "customer": sub["customer"], "end_behavior": "release",
		"phases": []any{M{"start_date": sub["current_period_start"], "end_date": sub["current_period_end"], "items": []any{M{"price": item(sub)["price"].(M)["id"], "quantity": 1}}}}}), nil
}

func (s *Server) updateSchedule(id string, f url.Values) (M, *apiError) {
	o := s.objects[id]
	if o == nil {
		return nil, missing(id)
	}
	second := f.Get("phases[1][items][0][price]")
	if s.objects[second] == nil {
		return nil, missing(second)
	}
	if f.Get("proration_behavior") != "none" || f.Get("end_behavior") != "release" {
		return nil, invalid("a downgrade neither prorates nor keeps its schedule")
	}
	sub := s.objects[o["subscription"].(string)]
	if end, err := strconv.ParseInt(f.Get("phases[0][end_date]"), 10, 64); err != nil || end != int64(number(sub["current_period_end"])) {
		return nil, invalid("the first phase ends at the end of the period")
	}
	o["phases"] = []any{o["phases"].([]any)[0], M{"start_date": sub["current_period_end"], "items": []any{M{"price": second, "quantity": 1}}}}
	return o, nil
}

func (s *Server) releaseSchedule(id string) (M, *apiError) {
	o := s.objects[id]
	if o == nil {
		return nil, missing(id)
	}
	if o["status"] != "active" {
		return nil, invalid("the schedule is %v", o["status"])
	}
	o["status"] = "released"
	sub := s.objects[o["subscription"].(string)]
	sub["schedule"] = nil
	s.event("customer.subscription.updated", sub)
	return o, nil
}

// Advance moves the clock, and does what falls due on the way in the order of time: renewals, the second phase of a
// schedule, ends of cancelled subscriptions.
func (s *Server) Advance(d int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for until := s.now + d; ; {
		var next M
		for _, id := range s.order {
			o := s.objects[id]
			if o["object"] != "subscription" || !slices.Contains([]string{"active", "trialing", "past_due"}, o["status"].(string)) {
				continue
			}
			if end := number(o["current_period_end"]); end <= float64(until) && (next == nil || end < number(next["current_period_end"])) {
				next = o
			}
		}
		if next == nil {
			s.now = until
			return
		}
		s.now = int64(number(next["current_period_end"]))
		s.renew(next)
	}
}

func (s *Server) renew(sub M) {
	if sub["cancel_at_period_end"] == true {
		s.end(sub)
		return
	}
	if id, ok := sub["schedule"].(string); ok {
		o := s.objects[id]
		if phases := o["phases"].([]any); len(phases) > 1 {
			item(sub)["price"] = clone(s.objects[phases[1].(M)["items"].([]any)[0].(M)["price"].(string)])
		}
		o["status"], sub["schedule"] = "released", nil
	}
	p := item(sub)["price"].(M)
	sub["status"] = "active"
	sub["current_period_start"], sub["current_period_end"] = s.now, s.now+seconds(p)
	s.invoice(sub, amount(p), "subscription_cycle")
	s.event("customer.subscription.updated", sub)
}
