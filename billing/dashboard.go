package billing

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	_ "embed"
)

//go:embed dashboard.html
var dashboardHTML string

// A Dashboard is the page on which a user sees and changes the subscription. It works without JavaScript.
type Dashboard struct {
	api  *API
	page *template.Template
	key  []byte // of the tokens that tie a form to its user
}

// NewDashboard makes the page on top of the API. It fails on a template that cannot be read.
func NewDashboard(api *API) (*Dashboard, error) {
	page, err := template.New("dashboard").Funcs(template.FuncMap{"money": money, "day": day, "words": words, "short": short}).Parse(dashboardHTML)
	if err != nil {
		return nil, fmt.Errorf("reading the dashboard's template: %v", err)
	}
	sum := sha256.Sum256([]byte("billing dashboard " + api.stripe.config.SecretKey))
	return &Dashboard{api: api, page: page, key: sum[:]}, nil
}

// Register adds the page and its forms to a mux.
func (d *Dashboard) Register(mux *http.ServeMux) {
	mux.Handle("GET /billing", d.api.signedIn(d.show))
	mux.Handle("GET /billing/cancel", d.api.signedIn(d.question("cancel")))
	mux.Handle("GET /billing/upgrade", d.api.signedIn(d.question("upgrade")))
	mux.Handle("POST /billing/cancel", d.api.signedIn(d.form(d.api.cancel)))
	mux.Handle("POST /billing/resume", d.api.signedIn(d.form(d.api.resume)))
	mux.Handle("POST /billing/upgrade", d.api.signedIn(d.form(d.api.upgrade)))
	mux.Handle("POST /billing/downgrade", d.api.signedIn(d.form(d.api.downgrade)))
	mux.Handle("POST /billing/portal", d.api.signedIn(d.away(d.api.portalURL)))
	mux.Handle("POST /billing/subscribe", d.api.signedIn(d.subscribe))
}

// A view is what the template shows.
type view struct {
	Subscription *Subscription
	Invoices     []Invoice
	Token        string
	Line         string // what happens next, and when
	Question     string // the change that is asked about: cancel, upgrade
	Quote        string // what an upgrade costs now; empty when nobody knows
	Error        string
	Processing   bool   // back from Stripe's page, and the webhook is not there yet
	More         bool   // the history is longer than what is shown
	AsOf         string // set when the database does not answer and this is older
	Unknown      bool   // whether there is a subscription; offer none
	NoHistory    bool   // it cannot be read
	Monthly      Terms
	Annual       Terms
}

// spec:subscription-billing/2.5
func (d *Dashboard) show(w http.ResponseWriter, r *http.Request, userID string) error {
	return d.render(w, r, userID, http.StatusOK, view{Processing: r.URL.Query().Has("session_id")})
}

// question asks before a change. Looking at the question changes nothing.
//
// spec:subscription-billing/6.1
func (d *Dashboard) question(kind string) userHandler {
	return func(w http.ResponseWriter, r *http.Request, userID string) error {
		return d.render(w, r, userID, http.StatusOK, view{Question: kind})
	}
}

// shownInvoices is how many invoices the page lists; the API has them all.
const shownInvoices = 50

// quoteWait is how long a page waits for what an upgrade costs; it is shown without, too.
const quoteWait = 3 * time.Second

func (d *Dashboard) render(w http.ResponseWriter, r *http.Request, userID string, status int, v view) error {
	v.Token, v.Monthly, v.Annual = d.token(userID), d.api.stripe.config.Terms(Monthly), d.api.stripe.config.Terms(Annual)
	if err := d.stand(r.Context(), userID, &v); err != nil {
		d.api.log.Error("the billing page cannot be shown", "user", userID, "error", err)
		status = http.StatusServiceUnavailable
	}
	d.quote(r.Context(), &v)
	if v.Processing {
		v.Processing = d.processing(r.Context(), userID, v.Subscription)
	}
	if !v.NoHistory {
		d.history(r.Context(), userID, &v)
	}
	w.Header().Set("Cache-Control", "no-store")
	if v.Processing {
		w.Header().Set("Refresh", "3")
	}
	return d.write(w, status, v)
}

// write writes the page: what comes from elsewhere is escaped by the template, and no script of the page would be run.
//
// spec:subscription-billing/5.3
func (d *Dashboard) write(w http.ResponseWriter, status int, v view) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// A form may lead to Stripe's pages: a browser asks the policy about the redirect too.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' https://checkout.stripe.com https://billing.stripe.com "+d.api.stripe.config.APIBase)
	w.WriteHeader(status)
	return d.page.Execute(w, v)
}

// stand reads where the user's subscription stands.
//
// spec:subscription-billing/5.1 spec:subscription-billing/14.2
func (d *Dashboard) stand(ctx context.Context, userID string, v *view) error {
	sub, asOf, err := d.api.current(ctx, userID)
	if !asOf.IsZero() {
		v.AsOf = asOf.UTC().Format("2 January 2006, 15:04:05 UTC")
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		v.Unknown, v.NoHistory = true, true
		v.Error = cmp.Or(v.Error, "your subscription cannot be shown at the moment; try again")
		return err
	}
	v.Subscription, v.Line = sub, nextLine(sub)
	return nil
}

// quote says what an upgrade costs now to who is asked whether to upgrade.
func (d *Dashboard) quote(ctx context.Context, v *view) {
	if sub := v.Subscription; v.Question == "upgrade" && sub != nil && sub.Status == Active && sub.Plan == Monthly {
		ctx, cancel := context.WithTimeout(ctx, quoteWait)
		defer cancel()
		if _, cents := d.api.quote(ctx, sub); cents >= 0 {
			v.Quote = money(cents)
		}
	}
}

// history reads the newest of the user's invoices.
//
// spec:subscription-billing/5.2 spec:subscription-billing/14.2
func (d *Dashboard) history(ctx context.Context, userID string, v *view) {
	ctx, cancel := context.WithTimeout(ctx, d.api.wait)
	defer cancel()
	var err error
	if v.Invoices, err = d.api.store.Invoices(ctx, userID, "", shownInvoices+1); err != nil {
		d.api.log.Error("the history cannot be shown", "user", userID, "error", err)
		v.NoHistory = true
	}
	if v.More = len(v.Invoices) > shownInvoices; v.More {
		v.Invoices = v.Invoices[:shownInvoices]
	}
}

// processing tells whether a payment may be on its way: a session is open, or the first payment is. The address that says that the
// user comes from Stripe's page stays in the browser's history, long after.
//
// spec:subscription-billing/2.5
func (d *Dashboard) processing(ctx context.Context, userID string, sub *Subscription) bool {
	switch {
	case sub != nil && sub.Status.Live():
		return false
	case sub != nil && sub.Status == Incomplete:
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, d.api.wait)
	defer cancel()
	open, err := d.api.store.hasOpenSession(ctx, userID)
	return err == nil && open
}

// words writes a status as people do.
func words(s Status) string { return strings.ReplaceAll(string(s), "_", " ") }

// short writes a day for a narrow column.
func short(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

// nextLine says what happens to a subscription next, and when.
//
// spec:subscription-billing/5.1
func nextLine(s *Subscription) string {
	end := day(s.CurrentPeriodEnd)
	switch {
	case s.Status.Terminal():
		return "Ended on " + day(s.EndedAt)
	case s.CancelAtPeriodEnd:
		return "Ends on " + end
	case s.PendingPlan != "":
		return fmt.Sprintf("Switches to %s on %s", s.PendingPlan, end)
	case s.Status == PastDue || s.Status == Unpaid:
		return "The last payment failed. Change the payment method, or pay the open invoice below"
	case !s.CancelAt.IsZero():
		return "Ends on " + day(s.CancelAt)
	case s.Status == Trialing:
		return "Trial ends on " + day(s.TrialEnd)
	case s.Status == Incomplete:
		return "The first payment has not gone through"
	case s.Status == Paused:
		return "Nothing is charged until there is a payment method"
	}
	return "Next billing date: " + end
}

// token ties a form to the user whom the page was made for: another site can make a browser send the form, but not know
// the token.
//
// spec:subscription-billing/6.1
func (d *Dashboard) token(userID string) string {
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte(userID))
	return hex.EncodeToString(mac.Sum(nil))
}

// form lets a form through that carries the user's token and, for the changes that ask for it, a confirmation; then the
// user is back on the page. What does not work is said there too.
//
// spec:subscription-billing/6.1
func (d *Dashboard) form(change userHandler) userHandler {
	return d.checked(func(w http.ResponseWriter, r *http.Request, userID string) error {
		if r.URL.Path == "/billing/cancel" && r.PostFormValue("confirm") != "yes" {
			return &problem{status: http.StatusBadRequest, text: "the cancellation was not confirmed"}
		}
		if err := change(discard{header: http.Header{}}, r, userID); err != nil && !errors.Is(err, errAnnual) { // sent twice, it is wanted once
			return err
		}
		http.Redirect(w, r, "/billing", http.StatusSeeOther)
		return nil
	})
}

// checked lets a form with the user's token through and shows what does not work as a page.
func (d *Dashboard) checked(h userHandler) userHandler {
	return func(w http.ResponseWriter, r *http.Request, userID string) error {
		if !hmac.Equal([]byte(r.PostFormValue("token")), []byte(d.token(userID))) {
			return d.render(w, r, userID, http.StatusForbidden, view{Error: "the form is not from this page; try again"})
		}
		err := h(w, r, userID)
		var p *problem
		switch {
		case err == nil:
			return nil
		case errors.As(err, &p):
			return d.render(w, r, userID, p.status, view{Error: p.text})
		case errors.Is(err, ErrBusy):
			return d.render(w, r, userID, http.StatusConflict, view{Error: "another change is in progress; try again in a moment"})
		case errors.Is(err, ErrNotFound):
			return d.render(w, r, userID, http.StatusNotFound, view{Error: "there is no subscription yet"})
		}
		d.api.log.Error("billing form failed", "path", r.URL.Path, "user", userID, "error", err)
		return d.render(w, r, userID, failed(err), view{Error: "it did not work; try again"})
	}
}

// away sends the user to a page of Stripe's.
func (d *Dashboard) away(url func(ctx context.Context, userID string) (string, error)) userHandler {
	return d.checked(func(w http.ResponseWriter, r *http.Request, userID string) error {
		to, err := url(r.Context(), userID)
		if err != nil {
			return err
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	})
}

// subscribe sends the user to Stripe's page for the chosen plan.
//
// spec:subscription-billing/1.1
func (d *Dashboard) subscribe(w http.ResponseWriter, r *http.Request, userID string) error {
	return d.away(func(ctx context.Context, userID string) (string, error) {
		plan := Plan(r.PostFormValue("plan"))
		if _, ok := plan.Terms(); !ok {
			return "", &problem{status: http.StatusBadRequest, text: "choose a plan"}
		}
		return d.api.openSession(ctx, userID, plan)
	})(w, r, userID)
}

// discard takes the API's JSON answer, which a form has no use for.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
