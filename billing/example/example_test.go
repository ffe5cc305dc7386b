package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A visitor is a browser without JavaScript.
type visitor struct {
	t      *testing.T
	client *http.Client
	at     *url.URL
	page   string
}

func (v *visitor) take(res *http.Response, err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.at, v.page = res.Request.URL, string(body)
}

func (v *visitor) open(path string) {
	v.t.Helper()
	to, err := v.at.Parse(path)
	if err != nil {
		v.t.Fatal(err)
	}
	v.take(v.client.Get(to.String()))
}

var (
	forms  = regexp.MustCompile(`(?s)<form method="post"([^>]*)>(.*?)</form>`)
	action = regexp.MustCompile(`action="([^"]*)"`)
	hidden = regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// submit sends the form that has a button with a text.
func (v *visitor) submit(button string, fields ...string) {
	v.t.Helper()
	for _, f := range forms.FindAllStringSubmatch(v.page, -1) {
		if !strings.Contains(f[2], ">"+button+"</button>") {
			continue
		}
		values := url.Values{}
		for _, h := range hidden.FindAllStringSubmatch(f[2], -1) {
			values.Set(h[1], h[2])
		}
		for i := 0; i < len(fields); i += 2 {
			values.Set(fields[i], fields[i+1])
		}
		to := v.at
		if a := action.FindStringSubmatch(f[1]); a != nil {
			var err error
			if to, err = v.at.Parse(a[1]); err != nil {
				v.t.Fatal(err)
			}
		}
		v.take(v.client.PostForm(to.String(), values))
		return
	}
	v.t.Fatalf("there is no form with the button %q on %s:\n%s", button, v.at, v.page)
}

// wait opens the billing page again until it shows a text.
func (v *visitor) wait(text string) {
	v.t.Helper()
	for start := time.Now(); time.Since(start) < 30*time.Second; time.Sleep(50 * time.Millisecond) {
		if v.open("/billing"); strings.Contains(v.page, text) {
			return
		}
	}
	v.t.Fatalf("the page never shows %q:\n%s", text, v.page)
}

func (v *visitor) move(days string) {
	v.t.Helper()
	v.open("/clock")
	v.submit("Move on", "days", days)
}

// serve runs the host until the test ends.
func serve(t *testing.T, env map[string]string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, nil, func(name string) string {
			if name == "ADDR" {
				return "127.0.0.1:0"
			}
			return env[name]
		}, func(url string) { address <- url })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the host ended with %v", err)
		}
	})
	select {
	case a := <-address:
		return a
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return ""
}

func visit(t *testing.T, base string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, client: &http.Client{Jar: jar, Timeout: 30 * time.Second}, at: at}
}

func TestAVisitThroughEveryPage(t *testing.T) {
	base := serve(t, nil)
	v := visit(t, base)
	v.open("/")
	v.submit("Sign in", "name", "ada")
	home := v.at
	v.submit("Subscribe", "plan", "monthly")
	v.submit("Pay", "card", "declined")
	if !strings.Contains(v.page, `role="alert"`) {
		t.Error("a declined card is not told")
	}
	v.submit("Pay", "card", "ok")
	if v.at.Host != home.Host || v.at.Query().Get("session_id") == "" {
		t.Errorf("back on %s", v.at)
	}
	v.wait("<strong>active</strong>")
	v.move("15")
	v.open("/billing/upgrade")
	if !strings.Contains(v.page, "$275.5") { // the clock of the stand-in goes on by seconds
		t.Errorf("the question does not say what an upgrade costs:\n%s", v.page)
	}
	v.submit("Yes, upgrade")
	v.wait("<strong>annual</strong>")
	v.submit("Switch to monthly at the end of the year")
	v.wait("Switches to monthly on")
	v.submit("Stay on annual")
	v.wait("Next billing date")
	v.open("/billing/cancel")
	v.submit("Yes, cancel it")
	v.wait("Ends on")
	v.submit("Resume")
	v.wait("Next billing date")
	v.submit("Change the payment method")
	v.submit("Use this card", "card", "fails")
	v.move("366")
	v.wait("<strong>past due</strong>")
	v.wait("<td>open</td>")
	if strings.Count(v.page, "<td>paid</td>") != 2 {
		t.Errorf("the history is not two paid invoices and an open one:\n%s", v.page)
	}
	for _, asset := range []string{"src=", "url(", "@import"} {
		if strings.Contains(v.page, asset) {
			t.Errorf("the page asks for something else: %s", asset)
		}
	}
}

// What was on the screen before is sent again: from two tabs, by the button that leads back, twice, and after signing out.
func TestOldPagesAreSentAgain(t *testing.T) {
	base := serve(t, nil)
	v := visit(t, base)
	back := func(button string) (again func()) {
		at, page := v.at, v.page
		return func() {
			v.at, v.page = at, page
			v.submit(button)
			if strings.Contains(v.page, `role="alert"`) {
				t.Errorf("%q, sent again, is told to be wrong:\n%s", button, v.page)
			}
		}
	}
	paid := func(want int) {
		t.Helper()
		n := 0
		for start := time.Now(); n < want && time.Since(start) < 30*time.Second; time.Sleep(50 * time.Millisecond) {
			v.open("/billing")
			n = strings.Count(v.page, "<td>paid</td>")
		}
		if n != want {
			t.Errorf("%d invoices were paid, want %d:\n%s", n, want, v.page)
		}
	}
	v.open("/")
	v.submit("Sign in", "name", "grace")
	offer, plans := v.at, v.page
	v.submit("Subscribe", "plan", "monthly")
	first, monthly := v.at, v.page
	v.at, v.page = offer, plans // another tab
	v.submit("Subscribe", "plan", "annual")
	second, annual := v.at, v.page
	v.at, v.page = first, monthly
	v.submit("Pay", "card", "ok")
	if !strings.Contains(v.page, "not open any more") {
		t.Errorf("the page of the plan that was given up can still be paid:\n%s", v.page)
	}
	v.at, v.page = second, annual
	v.submit("Pay", "card", "ok")
	v.wait("<strong>active</strong>")
	paid(1)
	if !strings.Contains(v.page, "<strong>annual</strong>") {
		t.Errorf("two tabs end with:\n%s", v.page)
	}
	v.at, v.page = offer, plans
	v.submit("Subscribe", "plan", "monthly")
	if !strings.Contains(v.page, "there is a subscription already") {
		t.Errorf("an old offer is not refused:\n%s", v.page)
	}
	v.open("/billing")
	again := back("Switch to monthly at the end of the year")
	again()
	again()
	v.wait("Switches to monthly on")
	v.submit("Stay on annual")
	v.wait("Next billing date")
	v.open("/billing/cancel")
	again = back("Yes, cancel it")
	again()
	again()
	v.wait("Ends on")
	again = back("Resume")
	again()
	again()
	v.wait("Next billing date")
	v.submit("Switch to monthly at the end of the year")
	v.move("366")
	v.wait("<strong>monthly</strong>")
	v.open("/billing/upgrade")
	again = back("Yes, upgrade")
	again()
	again()
	v.wait("<strong>annual</strong>")
	paid(3)
	v.open("/billing/cancel")
	again = back("Yes, cancel it")
	v.open("/")
	v.submit("Sign out")
	again()
	if v.at.Path != "/login" {
		t.Errorf("signed out, an old form leads to %s:\n%s", v.at, v.page)
	}
}

// An operator's commands run beside the server, with the same environment.
func TestCommandsRunBesideTheServer(t *testing.T) {
	address, err := url.Parse(serve(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"migrate", "reconcile", "replay"} {
		if err := run(context.Background(), []string{command}, func(name string) string {
			if name == "ADDR" {
				return address.Host
			}
			return ""
		}, func(string) { t.Errorf("%s serves", command) }); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestUsersAreToldApart(t *testing.T) {
	base := serve(t, map[string]string{"SAASKIT_DEV_AUTH": "1"})
	get := func(user string) (int, string) {
		r, err := http.NewRequest("GET", base+"/api/billing/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.Header.Set("X-User-ID", user)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	if code, _ := get(""); code != 401 {
		t.Errorf("without a user: %d, want 401", code)
	}
	if code, body := get("ada"); code != 200 || !strings.Contains(body, `"none"`) {
		t.Errorf("%d %s", code, body)
	}
}

func TestWithoutTheSettingTheHeaderIsNotBelieved(t *testing.T) {
	base := serve(t, nil)
	r, err := http.NewRequest("GET", base+"/api/billing/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-User-ID", "ada")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 401 {
		t.Errorf("status %d, want 401", res.StatusCode)
	}
}
