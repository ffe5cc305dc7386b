package billing

import (
	"fmt"
	"slices"
	"time"
)

// A Status is one of Stripe's eight.
type Status string

// The statuses of a subscription.
const (
	Incomplete        Status = "incomplete"
	IncompleteExpired Status = "incomplete_expired"
	Trialing          Status = "trialing"
	Active            Status = "active"
	PastDue           Status = "past_due"
	Canceled          Status = "canceled"
	Unpaid            Status = "unpaid"
	Paused            Status = "paused"
)

// Terminal tells whether a subscription with this status never changes again.
func (s Status) Terminal() bool { return s == Canceled || s == IncompleteExpired }

// Live tells whether the subscription stands in the way of another one of the same user.
func (s Status) Live() bool {
	return slices.Contains([]Status{Trialing, Active, PastDue, Unpaid, Paused}, s)
}

// CheckTransition refuses a change that cannot be true: out of a terminal status, or back to incomplete once it was
// left. Stripe's events arrive in any order, so a change like that is old news.
//
// spec:subscription-billing/3.6 spec:subscription-billing/4.1
func CheckTransition(from, to Status) error {
	known := []Status{Incomplete, IncompleteExpired, Trialing, Active, PastDue, Canceled, Unpaid, Paused}
	switch {
	case !slices.Contains(known, to):
		return fmt.Errorf("unknown status %q", to)
	case from == "" || from == to:
		return nil
	case from.Terminal():
		return fmt.Errorf("a subscription that is %s stays so; it does not become %s", from, to)
	case (to == Incomplete || to == IncompleteExpired) && from != Incomplete:
		return fmt.Errorf("a subscription that is %s does not become %s", from, to)
	}
	return nil
}

// A Subscription is what is known of one subscription of a user. Times are UTC.
type Subscription struct {
	UserID             string    `json:"-"`
	StripeID           string    `json:"-"`
	CustomerID         string    `json:"-"`
	ItemID             string    `json:"-"`
	ScheduleID         string    `json:"-"`
	PriceID            string    `json:"-"`
	Plan               Plan      `json:"plan"`
	Status             Status    `json:"status"`
	UnitAmount         int64     `json:"unit_amount"`
	Currency           string    `json:"currency"`
	IntervalDays       int       `json:"interval_days"`
	PendingPlan        Plan      `json:"pending_plan,omitempty"`
	CurrentPeriodStart time.Time `json:"current_period_start"`
	CurrentPeriodEnd   time.Time `json:"current_period_end"`
	CancelAtPeriodEnd  bool      `json:"cancel_at_period_end"`
	CancelAt           time.Time `json:"cancel_at,omitzero"`
	TrialEnd           time.Time `json:"trial_end,omitzero"`
	CanceledAt         time.Time `json:"canceled_at,omitzero"`
	EndedAt            time.Time `json:"ended_at,omitzero"`
	Quarantined        bool      `json:"quarantined,omitempty"` // it is not charged as a plan says, and gives no access
	SyncedAt           time.Time `json:"-"`                     // when Stripe was asked last; no change of the subscription
}

// grace is how long access goes on after a period whose renewal nobody has heard of: Stripe delivers an event for three
// days. After that, only Stripe's own word, given since the end of the period, keeps it up.
const grace = 72 * time.Hour

// Entitled tells whether the user may use what was paid for at a time: a cancelled subscription keeps its access until
// the end of the period, and loses it then even when Stripe's event is late. One that goes on keeps it for grace beyond
// the end, or for as long as Stripe said after the end that it goes on.
//
// spec:subscription-billing/6.3
func (s *Subscription) Entitled(at time.Time) bool {
	switch s.Status {
	case Trialing, Active, PastDue:
	default:
		return false
	}
	if s.Quarantined {
		return false
	}
	if s.CancelAtPeriodEnd && !at.Before(s.CurrentPeriodEnd) {
		return false
	}
	if !s.CancelAt.IsZero() && !at.Before(s.CancelAt) {
		return false
	}
	return at.Before(s.CurrentPeriodEnd.Add(grace)) || s.SyncedAt.After(s.CurrentPeriodEnd)
}
