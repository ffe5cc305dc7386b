package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chromium finds an installed browser. Where it has to be there (CI=true, SPEC_REQUIRE_BROWSER=1), its absence is a failure.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROME"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	const hint = "no Chromium is installed: apt-get install chromium, or set CHROME to one"
	if os.Getenv("CI") == "true" || os.Getenv("SPEC_REQUIRE_BROWSER") == "1" {
		t.Fatal(hint)
	}
	t.Skip(hint)
	return ""
}

// A tab is a browser that a user sits at.
type tab struct {
	t       *testing.T
	ctx     context.Context
	base    string
	seen    map[string]bool // pages that were looked at already
	mu      sync.Mutex
	foreign []string // requests that left the machine
}

// openTab starts a browser with scripts switched off: what works here works without JavaScript.
func openTab(t *testing.T, base string) *tab {
	t.Helper()
	path := chromium(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("proxy-server", "direct://"), chromedp.WSURLReadTimeout(2*time.Minute))
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, end = chromedp.NewContext(ctx)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as this context, which has no end of its own
		t.Fatalf("starting %s: %v", path, err)
	}
	ctx, end = context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx, base: base, seen: map[string]bool{}}
	listening := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok {
			if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" && u.Hostname() != "127.0.0.1" {
				b.mu.Lock()
				b.foreign = append(b.foreign, e.Request.URL)
				b.mu.Unlock()
			}
		}
	})
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	if err := errors.Join(listening, err); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// value asks the page for something.
func value[T any](b *tab, a chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// load opens a page of the host.
func (b *tab) load(path string) { b.t.Helper(); b.run(chromedp.Navigate(b.base + path)) }

// text waits until a page shows a text. A page is only asked for again by its own means, unless again names one.
func (b *tab) text(want, again string) {
	b.t.Helper()
	var last string
	for start := time.Now(); ; {
		got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body && !document.documentElement.dataset.old ? document.body.innerText : ""`)) // fails while a page goes
		if b.ctx.Err() != nil || time.Since(start) > 45*time.Second {
			b.t.Fatalf("the page never shows %q (%v):\n%s", want, err, last)
		}
		if strings.Contains(got, want) {
			return
		}
		if got != "" {
			last = got
		}
		if again != "" {
			b.run(chromedp.Navigate(b.base + again))
		}
		b.run(chromedp.Sleep(100 * time.Millisecond))
	}
}

// press walks with the Tab key to what has a name, and presses it: nothing here is done by mouse.
func (b *tab) press(name, key string) {
	b.t.Helper()
	for range 60 {
		at := value(b, chromedp.Evaluate[string](`(e => (e.labels && e.labels.length ? e.labels[0] : e).textContent.trim())(document.activeElement)`))
		if at != "" && strings.HasPrefix(at, name) && len(at) < len(name)+60 {
			b.run(chromedp.KeyEvent(key))
			return
		}
		b.run(chromedp.KeyEvent(kb.Tab))
	}
	b.t.Fatalf("the Tab key does not lead to %q", name)
}

// follow presses something that leads to another page, and waits for it.
func (b *tab) follow(name, text string) {
	b.t.Helper()
	b.run(chromedp.Evaluate[chromedp.Void](`document.documentElement.dataset.old = "yes"`))
	b.press(name, kb.Enter)
	b.text(text, "")
}

// faults finds what keeps people from using a page: fields and buttons without a name, text that is hard to read, things
// that the Tab key does not reach or that do not show where the focus is, a page that is wider than a small screen.
const faults = `(() => {
	const found = [];
	const say = (what, e) => found.push(what + ": " + (e.outerHTML || "").slice(0, 120));
	if (!document.documentElement.lang) say("no language", document.documentElement);
	if (!document.title.trim()) say("no title", document.documentElement);
	if (document.querySelectorAll("h1").length !== 1) say("not one h1", document.body);
	if (document.querySelectorAll("main").length !== 1) say("not one main", document.body);
	if (document.documentElement.scrollWidth > window.innerWidth) say("wider than the screen by " + (document.documentElement.scrollWidth - window.innerWidth), document.body);
	const ids = new Set();
	for (const e of document.querySelectorAll("[id]")) { if (ids.has(e.id)) say("id twice", e); ids.add(e.id) }
	for (const e of document.querySelectorAll("[aria-labelledby],[aria-describedby]"))
		for (const a of ["aria-labelledby", "aria-describedby"])
			for (const id of (e.getAttribute(a) || "").split(" ")) if (id && !document.getElementById(id)) say("refers to nothing", e);
	for (const e of document.querySelectorAll("input:not([type=hidden]),select,textarea"))
		if (!(e.labels && e.labels.length && e.labels[0].textContent.trim())) say("no label", e);
	for (const e of document.querySelectorAll("button,a")) if (!e.textContent.trim()) say("no name", e);
	for (const e of document.querySelectorAll("th")) if (!e.scope) say("no scope", e);
	const channel = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4) };
	const parse = c => (c.match(/[\d.]+/g) || []).map(Number);
	const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
	const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05) };
	const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c } return [255, 255, 255] };
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = walker.nextNode());) {
		const e = n.parentElement;
		if (!n.textContent.trim() || e.closest("style,script") || !e.getClientRects().length) continue;
		const r = ratio(parse(getComputedStyle(e).color), behind(e));
		if (r < 4.5) say("contrast " + r.toFixed(2), e);
	}
	for (const e of document.querySelectorAll("a,button,input:not([type=hidden])")) {
		const r = e.getBoundingClientRect(), height = Math.max(r.height, ...[...(e.labels || [])].map(l => l.getBoundingClientRect().height));
		if (r.width && height < 24 && !e.closest("p,td")) say("smaller than a finger", e);
		if (e.tabIndex > 0) say("tabindex above 0", e);
	}
	return found;
})()`

// look checks the page at two widths, keeps a picture of each where SPEC_SCREENSHOTS names a directory, and walks through it by
// the Tab key.
func (b *tab) look(name string) {
	b.t.Helper()
	dir := os.Getenv("SPEC_SCREENSHOTS")
	for _, width := range []int64{360, 1024} {
		b.run(chromedp.EmulateViewport(width, 780))
		for _, f := range value(b, chromedp.Evaluate[[]string](faults)) {
			b.t.Errorf("%s at %d px: %s", name, width, f)
		}
		if dir == "" {
			continue
		}
		png := value(b, chromedp.FullScreenshot(100))
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, width)), png, 0o644)); err != nil {
			b.t.Fatal(err)
		}
	}
	if b.seen[name] {
		return
	}
	b.seen[name] = true
	b.walk(name)
}

// walk presses Tab as often as there are things to reach, and demands that each was reached and showed it.
func (b *tab) walk(name string) {
	b.t.Helper()
	const reachable = `[...document.querySelectorAll("a[href],button,input:not([type=hidden]),[tabindex='0']")].filter(e => e.getClientRects().length && (e.type !== "radio" || e.checked))`
	want := value(b, chromedp.Evaluate[int](`document.activeElement.blur(), `+reachable+`.length`))
	reached := map[string]bool{}
	for range want + 3 {
		b.run(chromedp.KeyEvent(kb.Tab))
		at := value(b, chromedp.Evaluate[struct{ What, Outline string }](`(e => ({What: String(`+reachable+`.indexOf(e)), Outline: getComputedStyle(e).outlineStyle}))(document.activeElement)`))
		if at.What == "-1" {
			continue // the browser's own bars
		}
		reached[at.What] = true
		if at.Outline == "none" {
			b.t.Errorf("%s: thing %s does not show that it has the focus", name, at.What)
		}
	}
	if len(reached) != want {
		b.t.Errorf("%s: the Tab key reaches %d of %d things", name, len(reached), want)
	}
}

// TestInABrowser lives through a subscription in Chromium, by keyboard alone and without JavaScript.
//
// spec:subscription-billing/1.1 spec:subscription-billing/2.5 spec:subscription-billing/5.1 spec:subscription-billing/6.1
func TestInABrowser(t *testing.T) {
	b := openTab(t, serve(t, nil))
	b.load("/")
	b.look("01-login")
	b.load("/")
	b.press("Name", "ada")
	b.follow("Sign in", "Choose a plan")
	b.look("02-plans")
	b.load("/billing")
	b.press("Monthly", kb.ArrowDown)
	b.press("Annual", kb.ArrowUp) // the arrow keys move the choice
	b.follow("Subscribe", "Test card")
	b.look("03-pay")
	b.press("4242", kb.ArrowDown)
	b.follow("Pay", "Your card was declined")
	b.look("04-declined")
	b.follow("Pay", "Plan: Monthly") // the page that says "processing" asks for itself again
	b.text("Next billing date", "/billing")
	b.look("05-monthly")
	b.load("/")
	b.text("You have access", "/")
	b.look("14-home")
	b.load("/")
	b.follow("Clock of the stand-in", "At Stripe it is")
	b.look("06-clock")
	b.load("/clock")
	b.press("Days to move on", "15")
	b.follow("Move on", "At Stripe it is")
	b.load("/billing")
	b.follow("Upgrade to annual", "Upgrade to annual?")
	b.text("$275.5", "")
	b.look("07-upgrade")
	b.load("/billing/upgrade")
	b.follow("Yes, upgrade", "Plan: Annual")
	b.look("08-annual")
	b.load("/billing")
	b.follow("Switch to monthly", "Switches to monthly on")
	b.look("09-downgrade")
	b.load("/billing")
	b.follow("Stay on annual", "Next billing date")
	b.follow("Cancel the subscription", "Cancel the subscription?")
	b.look("10-cancel")
	b.load("/billing/cancel")
	b.follow("Keep it", "Next billing date")
	b.follow("Cancel the subscription", "Cancel the subscription?")
	b.follow("Yes, cancel it", "Ends on")
	b.look("11-cancelled")
	b.load("/billing")
	b.follow("Resume", "Next billing date")
	b.follow("Change the payment method", "Test card")
	b.look("12-portal")
	b.press("4242", kb.ArrowDown)
	b.press("0002", kb.ArrowDown)
	b.follow("Use this card", "Next billing date")
	b.load("/clock")
	b.press("Days to move on", "366")
	b.follow("Move on", "At Stripe it is")
	b.text("Past Due", "/billing")
	b.text("$290.00 due", "/billing")
	b.look("13-past-due")
	if rows := value(b, chromedp.Evaluate[int](`document.querySelectorAll("tbody tr").length`)); rows != 3 {
		t.Errorf("the history has %d lines, want 3", rows)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.foreign) > 0 {
		t.Errorf("the pages ask for something of others: %v", b.foreign)
	}
}
