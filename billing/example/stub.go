package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A stub stands for the host's log-in: whoever gives a name is that user. A host brings its own.
type stub struct {
	pool *pgxpool.Pool
	dev  bool // the header X-User-ID is believed
	on   bool // the log-in page is there
	key  []byte
}

const cookie = "example_user"

func newStub(pool *pgxpool.Pool, dev, on bool) *stub {
	key := make([]byte, 32)
	rand.Read(key)
	return &stub{pool: pool, dev: dev, on: on, key: key}
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)

// id is a user's id: the name where it is one already, else one that always belongs to the name.
func id(name string) string {
	if uuid.MatchString(name) {
		return strings.ToLower(name)
	}
	sum := sha256.Sum256([]byte("example user " + name))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (s *stub) sign(user string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(user))
	return user + "." + hex.EncodeToString(mac.Sum(nil))
}

// user says who sent a request.
func (s *stub) user(r *http.Request) (string, error) {
	if name := r.Header.Get("X-User-ID"); s.dev && name != "" {
		return s.enter(r, id(name))
	}
	c, err := r.Cookie(cookie)
	if err != nil || !s.on {
		return "", errors.New("nobody is signed in")
	}
	user, _, _ := strings.Cut(c.Value, ".")
	if !hmac.Equal([]byte(c.Value), []byte(s.sign(user))) {
		return "", errors.New("the cookie is none of ours")
	}
	return s.enter(r, user)
}

// enter makes sure that a user who is about to change something is in the host's table. Whether that worked is not the
// log-in's business: without the row, the change is what fails.
func (s *stub) enter(r *http.Request, user string) (string, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return user, nil
	}
	var known bool
	if err := s.pool.QueryRow(r.Context(), "SELECT EXISTS (SELECT FROM users WHERE id = $1)", user).Scan(&known); err == nil && !known {
		s.pool.Exec(r.Context(), "INSERT INTO users (id) VALUES ($1) ON CONFLICT DO NOTHING", user)
	}
	return user, nil
}

var login = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in to SaaSKit</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 32rem; padding: 1rem; color: #1b1b1f; background: #fff }
input, button { font: inherit; padding: .5rem; box-sizing: border-box }
input { width: 100%; border: 1px solid #767680; border-radius: .375rem }
button { margin-top: 1rem; padding: .5rem 1rem; border-radius: .375rem; border: 1px solid #3538a5; background: #3538a5; color: #fff }
:focus-visible { outline: 3px solid #b35900; outline-offset: 2px }
</style>
</head>
<body>
<main>
<h1>Sign in to SaaSKit</h1>
<p>This is a stub: whoever gives a name is that user.</p>
<form method="post" action="/login">
<label for="name">Name</label>
<input id="name" name="name" required maxlength="100" autocomplete="username">
<button>Sign in</button>
</form>
</main>
</body>
</html>
`))

func (s *stub) register(mux *http.ServeMux) {
	if !s.on {
		return
	}
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		login.Execute(w, nil)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		name := strings.TrimSpace(r.PostFormValue("name"))
		if name == "" || len(name) > 100 {
			http.Error(w, "give a name", http.StatusBadRequest)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: s.sign(id(name)), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, "/billing", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: cookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
}

// pages sends a browser that is not signed in (any more) to the log-in page, also when it sends a form of an old page, and refuses
// forms of other sites.
func (s *stub) pages(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.on && (r.URL.Path == "/billing" || strings.HasPrefix(r.URL.Path, "/billing/")) {
			if _, err := s.user(r); err != nil {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
				return
			}
		}
		next.ServeHTTP(w, r)
	}))
}
