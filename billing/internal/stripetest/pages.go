package stripetest

import (
	"html/template"
	"net/http"
	"strings"
)

var pages = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 32rem; padding: 1rem; color: #1b1b1f; background: #fff }
fieldset { border: 1px solid #767680; border-radius: .5rem; margin: 1rem 0; padding: 1rem }
button { font: inherit; padding: .5rem 1rem; border-radius: .375rem; border: 1px solid #3538a5; background: #3538a5; color: #fff }
:focus-visible { outline: 3px solid #b35900; outline-offset: 2px }
.error { color: #a4000f }
</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{if .Error}}<p class="error" role="alert">{{.Error}}</p>{{end}}
{{if .Open}}
<form method="post">
<fieldset>
<legend>Test card</legend>
<p><label><input type="radio" name="card" value="ok" checked> 4242: every payment succeeds</label></p>
<p><label><input type="radio" name="card" value="declined"> 0002: declined at once</label></p>
<p><label><input type="radio" name="card" value="fails"> 0341: accepted now, declined when it is charged later</label></p>
<p><label><input type="radio" name="card" value="3ds"> 3184: asks its holder at every later payment</label></p>
</fieldset>
<button>{{.Button}}</button>
</form>
{{end}}
<p><a href="{{.Back}}">Back</a></p>
</main>
</body>
</html>
`))

type page struct {
	Title, Text, Error, Button string
	Open                       bool
	Back                       template.URL // comes from the program under test
}

// page serves the two pages that Stripe hosts: /pay/SESSION and /portal/SESSION.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	kind, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	o := s.Object(id)
	if o == nil || kind != "pay" && kind != "portal" {
		http.NotFound(w, r)
		return
	}
	str := func(key string) string { v, _ := o[key].(string); return v }
	var p page
	if kind == "pay" {
		p = page{Title: "Pay", Text: "This is a stand-in for Stripe's page; no money moves.", Button: "Pay", Open: o["status"] == "open", Back: template.URL(str("cancel_url"))}
		if !p.Open {
			p.Text = "This page is not open any more."
		}
	} else {
		p = page{Title: "Payment method", Text: "This is a stand-in for Stripe's page; no card is stored.", Button: "Use this card", Open: true, Back: template.URL(str("return_url"))}
	}
	if r.Method == http.MethodPost {
		card := r.PostFormValue("card")
		switch {
		case kind == "portal":
			s.SetCard(str("customer"), card)
			http.Redirect(w, r, str("return_url"), http.StatusSeeOther)
			return
		case s.PayWith(id, card) != "":
			http.Redirect(w, r, strings.ReplaceAll(str("success_url"), "{CHECKOUT_SESSION_ID}", id), http.StatusSeeOther)
			return
		}
		p.Error = "Your card was declined. Try another one."
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusPaymentRequired)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	pages.Execute(w, p)
}
