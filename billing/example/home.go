package main

import (
	"html/template"
	"net/http"

	"spec.example/spec/billing"
)

// A home is the host's own page: what it sells is there for who may use it.
type home struct {
	auth   *stub
	module *billing.Module
	clock  bool // there is one to move
}

var homePage = template.Must(template.New("home").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SaaSKit</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 32rem; padding: 1rem; color: #1b1b1f; background: #fff }
h1 { line-height: 1.25 }
a { color: #3538a5; display: inline-block; padding: .25rem 0 }
button { font: inherit; padding: .5rem 1rem; border-radius: .375rem; border: 1px solid #3538a5; background: #fff; color: #3538a5 }
ul { list-style: none; padding: 0 }
:focus-visible { outline: 3px solid #b35900; outline-offset: 2px }
</style>
</head>
<body>
<main>
<h1>SaaSKit</h1>
<p>{{if .Access}}You have access. This is where the service would be.{{else}}You have no access yet. Choose a plan first.{{end}}</p>
<ul>
<li><a href="/billing">Billing</a></li>
{{if .Clock}}<li><a href="/clock">Clock of the stand-in for Stripe</a></li>{{end}}
</ul>
<form method="post" action="/logout"><button>Sign out</button></form>
</main>
</body>
</html>
`))

func (h home) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, err := h.auth.user(r)
	if err != nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	access, err := h.module.Access(r.Context(), user)
	if err != nil { // whether it was paid for is not known: not a time to let anybody in
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	homePage.Execute(w, struct{ Access, Clock bool }{access, h.clock})
}
