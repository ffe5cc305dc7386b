package billing_test

import (
	"testing"
	"time"

	"spec.example/spec/billing"
)

// spec:subscription-billing/6.3
func TestEntitlementEndsWithThePeriod(t *testing.T) {
	end := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		sub  billing.Subscription
		at   time.Time
		want bool
	}{
		"active":                                   {billing.Subscription{Status: billing.Active, CurrentPeriodEnd: end}, end.Add(-time.Second), true},
		"cancelled, a second before":               {billing.Subscription{Status: billing.Active, CancelAtPeriodEnd: true, CanceledAt: end.AddDate(0, 0, -20), CurrentPeriodEnd: end}, end.Add(-time.Second), true},
		"cancelled, at the end":                    {billing.Subscription{Status: billing.Active, CancelAtPeriodEnd: true, CurrentPeriodEnd: end}, end, false},
		"cancelled, event a day late":              {billing.Subscription{Status: billing.Active, CancelAtPeriodEnd: true, CurrentPeriodEnd: end}, end.AddDate(0, 0, 1), false},
		"ended now, trial not over":                {billing.Subscription{Status: billing.Canceled, TrialEnd: end.AddDate(0, 0, 9), CurrentPeriodEnd: end}, end.Add(-time.Hour), false},
		"incomplete":                               {billing.Subscription{Status: billing.Incomplete, CurrentPeriodEnd: end}, end.Add(-time.Hour), false},
		"unpaid":                                   {billing.Subscription{Status: billing.Unpaid, CurrentPeriodEnd: end}, end.Add(-time.Hour), false},
		"past due, Stripe still tries":             {billing.Subscription{Status: billing.PastDue, CurrentPeriodEnd: end}, end.Add(time.Hour), true},
		"active, nothing heard for two days":       {billing.Subscription{Status: billing.Active, CurrentPeriodEnd: end}, end.Add(48 * time.Hour), true},
		"active, nothing heard for three days":     {billing.Subscription{Status: billing.Active, CurrentPeriodEnd: end}, end.Add(72 * time.Hour), false},
		"trial, nothing heard for three days":      {billing.Subscription{Status: billing.Trialing, CurrentPeriodEnd: end, TrialEnd: end}, end.Add(72 * time.Hour), false},
		"past due, as Stripe said after the end":   {billing.Subscription{Status: billing.PastDue, CurrentPeriodEnd: end, SyncedAt: end.Add(time.Hour)}, end.Add(100 * time.Hour), true},
		"active, as Stripe said before the end":    {billing.Subscription{Status: billing.Active, CurrentPeriodEnd: end, SyncedAt: end.Add(-time.Hour)}, end.Add(100 * time.Hour), false},
		"cancelled, and Stripe is late with it":    {billing.Subscription{Status: billing.Active, CancelAtPeriodEnd: true, CurrentPeriodEnd: end, SyncedAt: end.Add(time.Hour)}, end.Add(2 * time.Hour), false},
		"ends at a time that Stripe set, before":   {billing.Subscription{Status: billing.Active, CancelAt: end.AddDate(0, 0, -1), CurrentPeriodEnd: end}, end.AddDate(0, 0, -1).Add(-time.Second), true},
		"ends at a time that Stripe set, after it": {billing.Subscription{Status: billing.Active, CancelAt: end.AddDate(0, 0, -1), CurrentPeriodEnd: end}, end.AddDate(0, 0, -1), false},
		"quarantined":                              {billing.Subscription{Status: billing.Active, Quarantined: true, CurrentPeriodEnd: end}, end.Add(-time.Hour), false},
	} {
		if got := c.sub.Entitled(c.at); got != c.want {
			t.Errorf("%s: entitled %v, want %v", name, got, c.want)
		}
	}
}

// spec:subscription-billing/3.6 spec:subscription-billing/4.1
func TestTransitions(t *testing.T) {
	all := []billing.Status{billing.Incomplete, billing.IncompleteExpired, billing.Trialing, billing.Active, billing.PastDue, billing.Canceled, billing.Unpaid, billing.Paused}
	for _, from := range all {
		for _, to := range all {
			err := billing.CheckTransition(from, to)
			refused := from != to && (from.Terminal() || (to == billing.Incomplete || to == billing.IncompleteExpired) && from != billing.Incomplete)
			if (err != nil) != refused {
				t.Errorf("%s to %s: error %v, want refused %v", from, to, err, refused)
			}
		}
	}
	if billing.CheckTransition(billing.Active, "sleeping") == nil {
		t.Error("an unknown status is accepted")
	}
}

func TestPlans(t *testing.T) {
	for plan, want := range map[billing.Plan]billing.Terms{billing.Monthly: {Amount: 2900, Currency: "usd", IntervalDays: 30}, billing.Annual: {Amount: 29000, Currency: "usd", IntervalDays: 365}} {
		if got, ok := plan.Terms(); !ok || got != want {
			t.Errorf("%s: %+v, want %+v", plan, got, want)
		}
	}
	if _, ok := billing.Plan("weekly").Terms(); ok {
		t.Error("weekly is a plan")
	}
}
