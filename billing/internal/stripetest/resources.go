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
		switch o := s.objects[id]; {
		case id == "":
			return s.list(name, c.Form)
		case name == "invoices" && id == "upcoming":
			return s.upcoming(c.Form)
		case o == nil:
			return nil, missing(id)
		case name == "invoices" && c.Form.Get("expand[0]") == "payment_intent" && o["payment_intent"] != nil:
			expanded := clone(o)
			status := "succeeded"
			if o["status"] == "open" {
				status = "requires_payment_method"
				if s.objects[o["customer"].(string)]["card"] == Card3DS {
					status = "requires_action"
				}
			}
			expanded["payment_intent"] = M{"id": o["payment_intent"], "object": "payment_intent", "status": status}
			return expanded, nil
		default:
			return o, nil
		}
	}
	switch {
	case name == "customers" && c.Method == "POST" && id == "":
		return s.put(M{"id": s.id("cus"), "object": "customer", "metadata": metadata(c.Form, "metadata"), "email": c.Form.Get("email"), "created": s.now}), nil
	case name == "customers" && c.Method == "DELETE":
		return s.deleteCustomer(id)
	case name == "checkout/sessions" && id == "":
		return s.newSession(c.Form)
	case name == "checkout/sessions" && verb == "expire":
		return s.expireSession(id)
	case name == "billing_portal/sessions":
		customer := s.objects[c.Form.Get("customer")]
		if customer == nil || customer["deleted"] == true {
			return nil, missing(c.Form.Get("customer"))
		}
		id := s.id("bps")
		return s.put(M{"id": id, "object": "billing_portal.session", "url": s.URL + "/portal/" + id, "customer": c.Form.Get("customer"), "return_url": c.Form.Get("return_url")}), nil
	case name == "subscriptions" && c.Method == "POST" && id != "":
		return s.updateSubscription(id, c.Form)
	case name == "subscriptions" && c.Method == "DELETE":
		return s.cancelNow(id)
	case name == "subscription_schedules" && id == "":
		return s.newSchedule(c.Form)
	case name == "subscription_schedules" && verb == "release":
		return s.releaseSchedule(id)
	case name == "subscription_schedules":
		return s.updateSchedule(id, c.Form)
	case name == "refunds" && id == "":
		return s.refund(c.Form)
	case name == "invoices" && verb == "void":
		return s.void(id)
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

// list pages through the objects of a kind, newest first.
func (s *Server) list(name string, f url.Values) (M, *apiError) {
	kind := map[string]string{"subscriptions": "subscription", "invoices": "invoice", "customers": "customer", "prices": "price", "charges": "charge", "refunds": "refund"}[name]
	var all []M
	switch {
	case name == "events":
		for _, e := range s.log {
			if f.Get("delivery_success") != "false" || !s.taken[e["id"].(string)] {
				all = append(all, clone(e))
			}
		}
	case kind == "":
		return nil, missing(name)
	default:
		for _, o := range s.all(kind) {
			if c := f.Get("customer"); c != "" && o["customer"] != c {
				continue
			}
			if kind == "invoice" && (f.Get("subscription") != "" && o["subscription"] != f.Get("subscription") || f.Get("status") != "" && o["status"] != f.Get("status")) {
				continue
			}
			if kind == "subscription" && f.Get("status") != "all" && o["status"] == "canceled" {
				continue
			}
			all = append(all, o)
		}
	}
	slices.Reverse(all)
	if after := f.Get("starting_after"); after != "" {
		i := slices.IndexFunc(all, func(o M) bool { return o["id"] == after })
		if i < 0 {
			return nil, missing(after)
		}
		all = all[i+1:]
	}
	limit := 10
	if n, err := strconv.Atoi(f.Get("limit")); err == nil {
		limit = min(max(n, 1), 100)
	}
	more := len(all) > limit
	if more {
		all = all[:limit]
	}
	return M{"object": "list", "url": "/v1/" + name, "has_more": more, "data": append([]M{}, all...)}, nil
}

func (s *Server) newSession(f url.Values) (M, *apiError) {
	p, customer := s.objects[f.Get("line_items[0][price]")], s.objects[f.Get("customer")]
	switch {
	case f.Get("mode") != "subscription":
		return nil, invalid("mode")
	case p == nil:
		return nil, missing(f.Get("line_items[0][price]"))
	case p["active"] != true:
		return nil, invalid("price %v is not active", p["id"])
	case customer == nil || customer["deleted"] == true:
		return nil, missing(f.Get("customer"))
	}
	n, err := quantity(f, "line_items[0]")
	if err != nil {
		return nil, err
	}
	id, expires := s.id("cs"), s.now+Day
	if at, err := strconv.ParseInt(f.Get("expires_at"), 10, 64); err == nil {
		if expires = at; at < s.now+30*60 || at > s.now+Day {
			return nil, invalid("expires_at is 30 minutes to 24 hours from now")
		}
	}
	return s.put(M{"id": id, "object": "checkout.session", "mode": "subscription", "status": "open", "payment_status": "unpaid", "customer": f.Get("customer"),
		"client_reference_id": f.Get("client_reference_id"), "url": s.URL + "/pay/" + id, "expires_at": expires, "created": s.now, "price": p["id"], "quantity": n, "currency": p["currency"], "amount_total": n * amount(p),
		"user": f.Get("subscription_data[metadata][user_id]"), "trial": f.Get("subscription_data[trial_period_days]"), "success_url": f.Get("success_url"), "cancel_url": f.Get("cancel_url")}), nil
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

func (s *Server) deleteCustomer(id string) (M, *apiError) {
	o := s.objects[id]
	if o == nil {
		return nil, missing(id)
	}
	if o["deleted"] == true {
		return M{"id": id, "object": "customer", "deleted": true}, nil
	}
	for _, other := range s.order {
		if sub := s.objects[other]; sub["object"] == "subscription" && sub["customer"] == id && sub["status"] != "canceled" {
			s.end(sub)
		}
	}
	o["deleted"] = true
	s.event("customer.deleted", o)
	return M{"id": id, "object": "customer", "deleted": true}, nil
}

func seconds(p M) int64 {
	r := p["recurring"].(M)
	n := int64(number(r["interval_count"])) * Day
	if r["interval"] == "month" {
		n *= 30
	}
	return n
}

func amount(p M) int64 { return int64(number(p["unit_amount"])) }

// priceOf is what a period of a subscription costs.
func priceOf(sub M) int64 {
	return int64(number(item(sub)["quantity"])) * amount(item(sub)["price"].(M))
}

// quantity is how often a price is bought; once where a request of the tests' own does not say.
func quantity(f url.Values, line string) (int64, *apiError) {
	if !f.Has(line + "[quantity]") {
		return 1, nil
	}
	n, err := strconv.ParseInt(f.Get(line+"[quantity]"), 10, 64)
	if err != nil || n < 1 {
		return 0, invalid("%s[quantity] is a number above 0", line)
	}
	return n, nil
}

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

func item(sub M) M { return sub["items"].(M)["data"].([]any)[0].(M) }

func (s *Server) updateSubscription(id string, f url.Values) (M, *apiError) {
	sub := s.objects[id]
	if sub == nil {
		return nil, missing(id)
	}
	if sub["status"] == "canceled" || sub["status"] == "incomplete_expired" {
		return nil, invalid("a %v subscription cannot be updated", sub["status"])
	}
	if v := f.Get("cancel_at_period_end"); v != "" {
		if sub["schedule"] != nil {
			return nil, invalid("the subscription is managed by a schedule; release it first")
		}
		sub["cancel_at_period_end"] = v == "true"
		delete(sub, "canceled_at")
		delete(sub, "cancel_at")
		if v == "true" {
			sub["canceled_at"], sub["cancel_at"] = s.now, sub["current_period_end"]
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

// prorate is what a change of price costs at once: the whole new price, since the cycle begins anew, less the rest of the
// old period to the second. Each line is rounded half up to cents.
func prorate(from, to M, start, end, at int64) int64 {
	rest := amount(from) * (end - at)
	return amount(to) - (2*rest+(end-start))/(2*(end-start))
}

func (s *Server) changePrice(sub M, f url.Values) *apiError {
	to := s.objects[f.Get("items[0][price]")]
	switch {
	case to == nil:
		return missing(f.Get("items[0][price]"))
	case f.Get("items[0][id]") != item(sub)["id"]:
		return invalid("without the item's id a second item would be added")
	case sub["schedule"] != nil:
		return invalid("the subscription is managed by a schedule; release it first")
	case sub["status"] == "trialing" && f.Get("billing_cycle_anchor") == "now":
		return invalid("the cycle of a trial begins with its end")
	}
	start, end := int64(number(sub["current_period_start"])), int64(number(sub["current_period_end"]))
	at := s.now
	if d, err := strconv.ParseInt(f.Get("proration_date"), 10, 64); err == nil {
		if at = d; d < start || d > end {
			return invalid("proration_date %d is not in the period", d)
		}
	}
	charge := f.Get("proration_behavior") == "always_invoice" && sub["status"] != "trialing"
	if charge && s.declines(sub) {
		if f.Get("payment_behavior") == "error_if_incomplete" {
			return &apiError{402, "card_error", "card_declined", "Your card was declined."}
		}
		sub["status"] = "past_due"
	}
	cents := prorate(item(sub)["price"].(M), to, start, end, at)
	item(sub)["price"] = clone(to)
	if f.Get("billing_cycle_anchor") == "now" {
		sub["current_period_start"], sub["current_period_end"] = s.now, s.now+seconds(to)
		if sub["cancel_at_period_end"] == true {
			sub["cancel_at"] = sub["current_period_end"]
		}
	}
	if charge {
		s.paid(s.newInvoice(sub, cents, "subscription_update"))
	}
	return nil
}

// upcoming previews a change of price, and says at which time it prorates.
func (s *Server) upcoming(f url.Values) (M, *apiError) {
	sub := s.objects[f.Get("subscription")]
	if sub == nil || sub["status"] == "canceled" {
		return nil, missing(f.Get("subscription"))
	}
	p := item(sub)["price"].(M)
	cents, at := priceOf(sub), s.now
	if to := f.Get("subscription_items[0][price]"); to != "" {
		if s.objects[to] == nil {
			return nil, missing(to)
		}
		if d, err := strconv.ParseInt(f.Get("subscription_proration_date"), 10, 64); err == nil {
			at = d
		}
		cents = prorate(p, s.objects[to], int64(number(sub["current_period_start"])), int64(number(sub["current_period_end"])), at)
	}
	return M{"object": "invoice", "customer": sub["customer"], "subscription": sub["id"], "amount_due": cents, "total": cents, "currency": p["currency"], "status": "draft",
		"subscription_proration_date": at, "lines": M{"object": "list", "data": []any{}}}, nil
}

func (s *Server) cancelNow(id string) (M, *apiError) {
	sub := s.objects[id]
	if sub == nil {
		return nil, missing(id)
	}
	if sub["status"] == "canceled" {
		return nil, missing(id)
	}
	s.end(sub)
	return sub, nil
}

// end ends a subscription, and the schedule that it has.
func (s *Server) end(sub M) {
	if id, ok := sub["schedule"].(string); ok {
		s.objects[id]["status"], sub["schedule"] = "canceled", nil
		s.event("subscription_schedule.canceled", s.objects[id])
	}
	sub["status"], sub["ended_at"] = "canceled", s.now
	if sub["canceled_at"] == nil {
		sub["canceled_at"] = s.now
	}
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
	case sub["status"] == "canceled":
		return nil, invalid("the subscription is canceled")
	}
	id := s.id("sub_sched")
	o := s.put(M{"id": id, "object": "subscription_schedule", "status": "active", "subscription": sub["id"], "customer": sub["customer"], "end_behavior": "release",
		"phases": []any{M{"start_date": sub["current_period_start"], "end_date": sub["current_period_end"], "items": []any{M{"price": item(sub)["price"].(M)["id"], "quantity": 1}}}}})
	sub["schedule"] = id
	s.event("subscription_schedule.created", o)
	s.event("customer.subscription.updated", sub)
	return o, nil
}

func (s *Server) updateSchedule(id string, f url.Values) (M, *apiError) {
	o := s.objects[id]
	if o == nil {
		return nil, missing(id)
	}
	n, err := quantity(f, "phases[1][items][0]")
	if err != nil {
		return nil, err
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
	if o["status"] != "active" {
		return nil, invalid("the schedule is %v", o["status"])
	}
	o["phases"] = []any{o["phases"].([]any)[0], M{"start_date": sub["current_period_end"], "items": []any{M{"price": second, "quantity": n}}}}
	s.event("subscription_schedule.updated", o)
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
	s.event("subscription_schedule.released", o)
	s.event("customer.subscription.updated", sub)
	return o, nil
}

func (s *Server) refund(f url.Values) (M, *apiError) {
	for _, id := range s.order {
		o := s.objects[id]
		if o["object"] != "charge" || o["payment_intent"] != f.Get("payment_intent") {
			continue
		}
		if o["refunded"] == true {
			return nil, &apiError{400, "invalid_request_error", "charge_already_refunded", "the charge is refunded already"}
		}
		o["refunded"], o["amount_refunded"] = true, o["amount"]
		r := s.put(M{"id": s.id("re"), "object": "refund", "charge": id, "payment_intent": o["payment_intent"], "amount": o["amount"], "currency": "usd", "status": "succeeded", "created": s.now})
		s.event("charge.refunded", o)
		return r, nil
	}
	return nil, missing(f.Get("payment_intent"))
}

func (s *Server) void(id string) (M, *apiError) {
	in := s.objects[id]
	if in == nil {
		return nil, missing(id)
	}
	if in["status"] != "open" {
		return nil, invalid("the invoice is %v", in["status"])
	}
	in["status"], in["next_payment_attempt"] = "void", nil
	s.event("invoice.voided", in)
	return in, nil
}
