package billing

// A Plan is what a user subscribes to.
type Plan string

// The plans. A month is 30 days and a year 365: calendar months would make the charge come at irregular intervals.
const (
	Monthly Plan = "monthly"
	Annual  Plan = "annual"
)

// Terms are what a plan costs and how often.
type Terms struct {
	Amount       int64 // cents
	Currency     string
	IntervalDays int
}

// Terms returns what a plan costs; ok is false for an unknown plan.
//
// spec:subscription-billing/1.1 spec:subscription-billing/1.2 spec:subscription-billing/1.3
func (p Plan) Terms() (t Terms, ok bool) {
	switch p {
	case Monthly:
		return Terms{Amount: 2900, Currency: "usd", IntervalDays: 30}, true
	case Annual:
		return Terms{Amount: 29000, Currency: "usd", IntervalDays: 365}, true
	}
	return Terms{}, false
}
