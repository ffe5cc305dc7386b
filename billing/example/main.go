// Command example is a host of the billing module: a page in a browser with a log-in stub, plan choice, dashboard and
// history, on a stand-in for Stripe or on Stripe itself.
//
//	go run ./billing/example                  serves
//	go run ./billing/example migrate          brings the database up to date, and ends
//	go run ./billing/example reconcile        fetches what was never delivered
//	go run ./billing/example replay [EVENT…]  has dead letters processed again
//	go run ./billing/example erase USER       erases a user
//
// The environment configures it; everything has a default that works without any account:
//
//	ADDR                    where to listen; 127.0.0.1:8080
//	BASE_URL                how browsers reach it; http://ADDR
//	DATABASE_URL            PostgreSQL; unset, an installed one is started for as long as the program runs
//	STRIPE_API_BASE         Stripe's address; unset, a stand-in in this process, or Stripe itself with a live key
//	STRIPE_SECRET_KEY       sk_test_… or sk_live_…
//	STRIPE_WEBHOOK_SECRET   whsec_…, two with a comma in between while one is rotated
//	PRICE_MONTHLY           Stripe's id of the price of 2900 cents every 30 days
//	PRICE_ANNUAL            and of 29000 cents every 365 days
//	SAASKIT_DEV_AUTH        1: the user is who the header X-User-ID says. For development only
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/pgtest"
	"spec.example/spec/billing/internal/stripetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, func(url string) { fmt.Println("listening on", url) }); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done; ready is told the address once requests are taken.
func run(ctx context.Context, args []string, getenv func(string) string, ready func(url string)) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	addr := getenv("ADDR")
	if addr == "" {
		addr = "127.0.0.1:8080"
	}
	var listener net.Listener
	if len(args) == 0 { // a command runs beside a server
		var err error
		if listener, err = net.Listen("tcp", addr); err != nil {
			return err
		}
		defer listener.Close()
		addr = listener.Addr().String()
	}
	self := "http://" + reachable(addr)
	pool, err := database(ctx, getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer pool.Close()

	env := map[string]string{}
	for _, name := range []string{"STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "PRICE_MONTHLY", "PRICE_ANNUAL", "STRIPE_API_BASE", "BASE_URL", "TRIAL_DAYS"} {
		env[name] = getenv(name)
	}
	if env["BASE_URL"] == "" {
		env["BASE_URL"] = self
	}
	live := strings.Contains(env["STRIPE_SECRET_KEY"], "_live_")
	var double *stripetest.Server
	if env["STRIPE_API_BASE"] == "" && !live {
		if double, err = standIn(env); err != nil {
			return err
		}
	}
	config, err := billing.ConfigFromEnv(func(name string) string { return env[name] })
	if err != nil {
		return err
	}
	if double != nil {
		config.Now = double.Now
	}
	dev := getenv("SAASKIT_DEV_AUTH") == "1"
	if live && dev {
		return errors.New("SAASKIT_DEV_AUTH lets everybody be everybody; it does not go with a live key")
	}
	auth := newStub(pool, dev, !live)
	module, err := billing.New(billing.NewStore(pool), config, auth.user, mailer{log}, log)
	if err != nil {
		return err
	}
	if err := migrate(ctx, pool); err != nil {
		return err
	}
	if len(args) > 0 {
		return command(ctx, module, args)
	}
	if err := module.Check(ctx); err != nil {
		return err
	}
	mux := http.NewServeMux()
	module.Mount(mux)
	auth.register(mux)
	mux.Handle("GET /{$}", home{auth, module, double != nil})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := pool.Ping(r.Context()); err != nil {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		}
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if double != nil {
		clock := &clock{double: double, webhook: self + "/api/billing/webhook"}
		clock.register(mux)
		wg.Go(func() { clock.run(ctx) })
	}
	wg.Go(func() { module.Run(ctx) })
	server := &http.Server{Handler: auth.pages(mux), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute}
	wg.Go(func() {
		<-ctx.Done()
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		server.Shutdown(wait)
	})
	ready(self)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// reachable turns an address that is listened on into one that can be asked: 0.0.0.0 is everywhere and nowhere.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// database opens a pool; a statement that hangs does not hang for ever.
func database(ctx context.Context, url string) (*pgxpool.Pool, error) {
	if url == "" {
		var err error
		if url, err = pgtest.Database(ctx, fmt.Sprintf("example_%d_%d", os.Getpid(), time.Now().UnixNano())); err != nil {
			return nil, fmt.Errorf("DATABASE_URL is not set, and no PostgreSQL could be started: %v", err)
		}
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("DATABASE_URL cannot be read") // the error would show the password
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = 16
	}
	config.ConnConfig.ConnectTimeout = 3 * time.Second
	config.ConnConfig.RuntimeParams["statement_timeout"] = "10000"
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "60000"
	return pgxpool.NewWithConfig(ctx, config)
}

// migrate makes the host's own table, and billing's.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	return pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		if _, err := c.Exec(ctx, "CREATE TABLE IF NOT EXISTS users (id uuid PRIMARY KEY DEFAULT gen_random_uuid())"); err != nil {
			return err
		}
		return billing.Migrate(ctx, c.Conn(), -1)
	})
}

// standIn starts a Stripe in this process and completes the environment for it.
func standIn(env map[string]string) (*stripetest.Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	double := stripetest.Make(time.Now())
	double.URL = "http://" + listener.Addr().String()
	for name, value := range map[string]string{"STRIPE_SECRET_KEY": "sk_test_example", "STRIPE_WEBHOOK_SECRET": double.Secret, "PRICE_MONTHLY": "price_monthly", "PRICE_ANNUAL": "price_annual"} {
		if env[name] == "" {
			env[name] = value
		}
	}
	env["STRIPE_API_BASE"] = double.URL
	double.Secret, _, _ = strings.Cut(env["STRIPE_WEBHOOK_SECRET"], ",")
	double.AddPrice(env["PRICE_MONTHLY"], 2900, "usd", "day", 30)
	double.AddPrice(env["PRICE_ANNUAL"], 29000, "usd", "day", 365)
	server := &http.Server{Handler: double, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener) // as long as the process
	return double, nil
}

// A mailer stands for the host's: it notes that a mail would go out.
type mailer struct{ log *slog.Logger }

func (m mailer) Send(_ context.Context, mail billing.Mail) error {
	m.log.Info("a mail would go out", "user", mail.UserID, "kind", mail.Kind, "subject", mail.Subject)
	return nil
}

// command does what an operator asks for, and ends.
func command(ctx context.Context, m *billing.Module, args []string) error {
	switch {
	case args[0] == "migrate" && len(args) == 1:
		fmt.Println("the database is up to date") // done before
	case args[0] == "reconcile" && len(args) == 1:
		n, err := m.Worker.Reconcile(ctx)
		fmt.Printf("%d events had not been delivered\n", n)
		return err
	case args[0] == "replay":
		n, err := m.Worker.Replay(ctx, args[1:]...)
		fmt.Printf("%d events are processed again\n", n)
		return err
	case args[0] == "erase" && len(args) == 2:
		return m.Erase(ctx, id(args[1]))
	default:
		return fmt.Errorf("there are migrate, reconcile, replay [EVENT…] and erase USER, not %q", strings.Join(args, " "))
	}
	return nil
}
