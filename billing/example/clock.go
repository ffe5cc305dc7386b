package main

import (
	"context"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"spec.example/spec/billing/internal/stripetest"
)

// A clock moves the stand-in's time on and carries its events to the webhook.
type clock struct {
	double  *stripetest.Server
	webhook string
}

var clockPage = template.Must(template.New("clock").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clock of the stand-in</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 32rem; padding: 1rem; color: #1b1b1f; background: #fff }
input, button { font: inherit; padding: .5rem; margin: 0 .5rem .5rem 0 }
button { padding: .5rem 1rem; border-radius: .375rem; border: 1px solid #3538a5; background: #3538a5; color: #fff }
:focus-visible { outline: 3px solid #b35900; outline-offset: 2px }
</style>
</head>
<body>
<main>
<h1>Clock of the stand-in</h1>
<p>At Stripe it is <time datetime="{{.Format "2006-01-02T15:04:05Z"}}">{{.Format "2 January 2006, 15:04:05"}}</time> UTC.</p>
<form method="post" action="/clock">
<label for="days">Days to move on</label>
<input id="days" name="days" type="number" min="0" max="3660" step="any" value="30" required>
<button>Move on</button>
</form>
<p><a href="/billing">Back to billing</a></p>
</main>
</body>
</html>
`))

func (c *clock) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		clockPage.Execute(w, c.double.Now())
	})
	mux.HandleFunc("POST /clock", func(w http.ResponseWriter, r *http.Request) {
		days, err := strconv.ParseFloat(r.PostFormValue("days"), 64)
		if err != nil || !(days >= 0 && days <= 3660) {
			http.Error(w, "days is a number from 0 to 3660", http.StatusBadRequest)
			return
		}
		c.double.Advance(int64(days * stripetest.Day))
		http.Redirect(w, r, "/clock", http.StatusSeeOther)
	})
}

// run lets the time of the stand-in pass, and delivers, until ctx is done.
func (c *clock) run(ctx context.Context) {
	client := &http.Client{Timeout: 10 * time.Second}
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
		if passed := int64(time.Since(last) / time.Second); passed > 0 {
			c.double.Advance(passed)
			last = last.Add(time.Duration(passed) * time.Second)
		}
		c.double.Deliver(client, c.webhook, stripetest.Delivery{})
	}
}
