package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// The kinds of mail.
const (
	MailPaymentFailed   = "payment_failed"          // another attempt follows
	MailPaymentFinal    = "payment_failed_final"    // it was the last attempt
	MailPaymentAction   = "payment_action_required" // the bank wants the card's holder to confirm
	MailPaymentFixed    = "payment_fixed"           // after one of the three above
	MailTrialEnding     = "trial_ending"
	MailSecondCancelled = "second_subscription_cancelled"
)

// A Mail is what a user is to be told. It holds no address and no name: the host knows them by UserID.
type Mail struct {
	Key     string // the same mail has the same key, also when it is sent again after a crash
	UserID  string
	Kind    string
	Subject string
	Text    string
}

// A Mailer sends mails for the host. A mail whose sending returned an error is tried again later.
type Mailer interface {
	Send(context.Context, Mail) error
}

// mailData is what a mail is made of, as the outbox keeps it.
type mailData struct {
	InvoiceID string    `json:"invoice,omitempty"`
	Amount    int64     `json:"amount,omitempty"` // cents
	URL       string    `json:"url,omitempty"`    // of the invoice's page at Stripe
	Next      time.Time `json:"next,omitzero"`    // of the next attempt, or the end of the trial
}

// queueMail writes a mail in the transaction of what it tells; one with the same key is not written again.
//
// spec:subscription-billing/10.1 spec:subscription-billing/10.2
func queueMail(ctx context.Context, tx pgx.Tx, key, userID, kind string, data mailData) error {
	payload, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO outbox (dedupe_key, user_id, kind, payload) VALUES ($1, $2, $3, $4) ON CONFLICT (dedupe_key) DO NOTHING`, key, userID, kind, payload)
	return err
}

// write makes the text of a mail.
//
// spec:subscription-billing/10.1 spec:subscription-billing/10.2
func write(kind string, d mailData, page string) (subject, text string) {
	amount := money(d.Amount)
	switch kind {
	case MailPaymentFailed:
		return "Your payment failed", fmt.Sprintf("We could not charge %s. We try again on %s. To use another card, open %s and choose \"Change the payment method\". You can also pay the invoice here: %s", amount, day(d.Next), page, d.URL)
	case MailPaymentFinal:
		return "Your payment failed for the last time", fmt.Sprintf("We could not charge %s and do not try again. Your subscription ends unless you pay. To use another card, open %s. You can also pay the invoice here: %s", amount, page, d.URL)
	case MailPaymentAction:
		return "Please confirm your payment", fmt.Sprintf("Your bank wants you to confirm the payment of %s. Do it here: %s", amount, d.URL)
	case MailPaymentFixed:
		return "Your payment went through", fmt.Sprintf("We charged %s. There is nothing more to do.", amount)
	case MailTrialEnding:
		return "Your trial ends soon", fmt.Sprintf("Your trial ends on %s. The subscription is charged from then on. To cancel it before, open %s", day(d.Next), page)
	case MailSecondCancelled:
		return "We cancelled a second subscription", fmt.Sprintf("You paid twice. We cancelled the second subscription and returned %s. The first goes on: %s", amount, page)
	}
	return "About your subscription", page
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

// money writes cents as dollars.
func money(cents int64) string {
	if cents < 0 {
		return "-" + money(-cents)
	}
	return fmt.Sprintf("$%d.%02d", cents/100, cents%100)
}

// A Postman sends what is in the outbox. Several may run at once.
type Postman struct {
	store  *Store
	mailer Mailer
	page   string
	log    *slog.Logger
}

// newPostman makes one. baseURL is the host's address.
func newPostman(store *Store, mailer Mailer, baseURL string, log *slog.Logger) *Postman {
	return &Postman{store: store, mailer: mailer, page: baseURL + "/billing", log: log}
}

// Send sends what is due and returns how many mails went out. A mail is marked as sent after the Mailer took it: a crash
// in between sends it again, with the same key.
func (p *Postman) Send(ctx context.Context) (sent int, err error) {
	for ctx.Err() == nil {
		found, ok, err := p.one(ctx)
		if err != nil {
			return sent, err
		}
		if !found {
			return sent, nil
		}
		if ok {
			sent++
		}
	}
	return sent, ctx.Err()
}

// spec:subscription-billing/10.4
func (p *Postman) one(ctx context.Context) (found, ok bool, err error) {
	err = p.store.InTx(ctx, func(tx pgx.Tx) error {
		var id int64
		var m Mail
		var payload []byte
		err := tx.QueryRow(ctx, `SELECT id, dedupe_key, user_id::text, kind, payload FROM outbox WHERE sent_at IS NULL AND next_attempt_at <= now() AND attempts < $1 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`, maxAttempts).
			Scan(&id, &m.Key, &m.UserID, &m.Kind, &payload)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		var data mailData
		if err := json.Unmarshal(payload, &data); err != nil {
			return err
		}
		m.Subject, m.Text = write(m.Kind, data, p.page)
		if err := p.send(ctx, m); err != nil {
			p.log.Warn("a mail could not be sent", "mail", id, "kind", m.Kind, "error", err)
			_, err = tx.Exec(ctx, `UPDATE outbox SET attempts = attempts + 1, last_error = $2, next_attempt_at = now() + make_interval(secs => least(3600, power(2, attempts))) WHERE id = $1`, id, trim(err))
			return err
		}
		ok = true
		_, err = tx.Exec(ctx, `UPDATE outbox SET sent_at = now(), attempts = attempts + 1 WHERE id = $1`, id)
		return err
	})
	return found, ok, err
}

// mailTimeout is how long a mail may take to be sent: half as long as a transaction may be idle, since a mail that went out has to
// be marked.
const mailTimeout = time.Minute / 2

func (p *Postman) send(ctx context.Context, m Mail) error {
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	return p.mailer.Send(ctx, m)
}

// maxAttempts is after how many failures a mail or an event is left for a person: a dead letter.
const maxAttempts = 12

// trim makes of an error what a database can keep of it: the other side's text may hold anything.
func trim(err error) string {
	text := err.Error()
	return storable(text[:min(500, len(text))])
}
