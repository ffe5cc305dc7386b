package billing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
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
	page, err := template.New("dashboard").Funcs(template.FuncMap{"money": money, "day": day}).Parse(dashboardHTML)
	if err != nil {
		return nil, fmt.Errorf("reading the dashboard's template: %v", err)
	}
	sum := sha256.Sum256([]byte("billing dashboard " + api.stripe.config.SecretKey))
	return &Dashboard{api: api, page: page, key: sum[:]}, nil
}

// Register adds the page and its forms to a mux.
func (d *Dashboard) Register(mux *http.ServeMux) {
	mux.Handle("GET /billing", d.api.signedIn(d.show))
	mux.Handle("GET /billing/cancel", d.api.signedIn(d.confirm))
	mux.Handle("POST /billing/cancel", d.api.signedIn(d.form(d.api.cancel)))
	mux.Handle("POST /billing/resume", d.api.signedIn(d.form(d.api.resume)))
	mux.Handle("POST /billing/upgrade", d.api.signedIn(d.form(d.api.upgrade)))
	mux.Handle("POST /billing/downgrade", d.api.signedIn(d.form(d.api.downgrade)))
	mux.Handle("POST /billing/subscribe", d.api.signedIn(d.subscribe))
}

// A view is what the template shows.
type view struct {
	Subscription *Subscription
	Invoices     []Invoice
	Token        string
	Line         string // what happens next, and when
	Confirm      bool   // the question before a cancellation
	Processing   bool   // back from Stripe's page, and the webhook is not there yet
	Monthly      Terms
	Annual       Terms
}

func (d *Dashboard) show(w http.ResponseWriter, r *http.Request, userID string) error {
	return d.render(w, r, userID, false)
}

// confirm asks before a cancellation. Looking at the question changes nothing.
func (d *Dashboard) confirm(w http.ResponseWriter, r *http.Request, userID string) error {
	return d.render(w, r, userID, true)
}

func (d *Dashboard) render(w http.ResponseWriter, r *http.Request, userID string, confirm bool) error {
	v := view{Token: d.token(userID), Confirm: confirm, Processing: r.URL.Query().Has("session_id")}
	v.Monthly, _ = Monthly.Terms()
	v.Annual, _ = Annual.Terms()
	sub, err := d.api.store.Current(r.Context(), userID)
	switch {
	case err == nil:
		v.Subscription, v.Line = sub, nextLine(sub)
		v.Processing = v.Processing && !sub.Status.Live()
	case !errors.Is(err, ErrNotFound):
		return err
	}
	if v.Invoices, err = d.api.store.Invoices(r.Context(), userID, 50); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	return d.page.Execute(w, v)
}

// nextLine says what happens to a subscription next, and when.
func nextLine(s *Subscription) string {
	end := day(s.CurrentPeriodEnd)
	switch {
	case s.Status.Terminal():
		return "Ended on " + day(s.EndedAt)
	case s.CancelAtPeriodEnd:
		return "Ends on " + end
	case s.PendingPlan != "":
		return fmt.Sprintf("Switches to %s on %s", s.PendingPlan, end)
	case s.Status == Trialing:
		return "Trial ends on " + day(s.TrialEnd)
	}
	return "Next billing date: " + end
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

// money writes cents as dollars.
func money(cents int64) string { return fmt.Sprintf("$%d.%02d", cents/100, cents%100) }

// token ties a form to the user whom the page was made for: another site can make a browser send the form, but not know
// the token.
func (d *Dashboard) token(userID string) string {
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte(userID))
	return hex.EncodeToString(mac.Sum(nil))
}

// form lets a form through that carries the user's token and, for the changes that ask for it, a confirmation; then the
// user is back on the page.
func (d *Dashboard) form(change userHandler) userHandler {
	return func(w http.ResponseWriter, r *http.Request, userID string) error {
		if err := d.checkToken(r, userID); err != nil {
			return err
		}
		if r.URL.Path == "/billing/cancel" && r.PostFormValue("confirm") != "yes" {
			return &problem{status: http.StatusBadRequest, text: "the cancellation was not confirmed"}
		}
		if err := change(discard{header: http.Header{}}, r, userID); err != nil {
			return err
		}
		http.Redirect(w, r, "/billing", http.StatusSeeOther)
		return nil
	}
}

func (d *Dashboard) checkToken(r *http.Request, userID string) error {
	if !hmac.Equal([]byte(r.PostFormValue("token")), []byte(d.token(userID))) {
		return &problem{status: http.StatusForbidden, text: "the form is not from this page; open it again"}
	}
	return nil
}

// subscribe sends the user to Stripe's page for the chosen plan.
func (d *Dashboard) subscribe(w http.ResponseWriter, r *http.Request, userID string) error {
	if err := d.checkToken(r, userID); err != nil {
		return err
	}
	plan := Plan(r.PostFormValue("plan"))
	if _, ok := plan.Terms(); !ok {
		return &problem{status: http.StatusBadRequest, text: "choose a plan"}
	}
	if _, err := d.api.store.Live(r.Context(), userID); err == nil {
		return &problem{status: http.StatusConflict, text: "there is a subscription already"}
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	url, err := d.api.openSession(r.Context(), userID, plan)
	if err != nil {
		return err
	}
	http.Redirect(w, r, url, http.StatusSeeOther)
	return nil
}

// discard takes the API's JSON answer, which a form has no use for.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// A Module is all of billing, ready to be mounted.
type Module struct {
	API       *API
	Dashboard *Dashboard
	Webhook   *Webhook
	Worker    *Worker
	stripe    *Stripe
}

// New ties billing together. It opens nothing and starts nothing: check the prices with Check, mount the routes with
// Mount, and run Worker.Run beside the server.
func New(store *Store, c Config, authenticate Authenticate, log *slog.Logger) (*Module, error) {
	s, err := NewStripe(c)
	if err != nil {
		return nil, err
	}
	m := &Module{API: NewAPI(store, s, authenticate, log), Worker: NewWorker(store, s, log), stripe: s}
	if m.Dashboard, err = NewDashboard(m.API); err != nil {
		return nil, err
	}
	if m.Webhook, err = NewWebhook(store, c, c.Now, log); err != nil {
		return nil, err
	}
	return m, nil
}

// Mount adds every route of billing to a mux.
func (m *Module) Mount(mux *http.ServeMux) {
	m.API.Register(mux)
	m.Dashboard.Register(mux)
	m.Webhook.Register(mux)
}
