package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// stackRules are about what steering says of languages, databases and libraries.
func stackRules() []Rule {
	return []Rule{
		{Code: "SPEC401", Name: "steering-contradicts-manifest", Severity: spec.Warning, Guesses: true,
			Text:  "Steering names a technology that no manifest has, and the manifests have another of its kind that steering does not name. Both sides have to be found.",
			Wrong: "tech.md: Database: MongoDB; go.mod requires pgx",
			Right: "tech.md: Database: PostgreSQL, through pgx"},
		{Code: "SPEC402", Name: "steering-stale-dependency", Severity: spec.Warning,
			Text:  "Steering names another version than the manifests, or lists a kind of dependency and leaves out one that is used.",
			Wrong: "tech.md: Go 1.22; go.mod: go 1.26",
			Right: "tech.md: Go 1.26"},
	}
}

// A technology is something that steering names in prose and a manifest by packages. Of its kind a project usually has
// one, so that another one is a rival.
type technology struct {
	name     string
	kind     string
	words    string   // how prose names it, a pattern
	packages []string // exact names; with a star at the end a prefix
}

// technologies are those whose packages are known. A kind with a single member cannot contradict anything, and is here
// for its version and for being named.
func technologies() []technology {
	return []technology{
		{"PostgreSQL", "database", `postgres(?:ql)?`, []string{"github.com/jackc/pgx*", "github.com/lib/pq", "pg", "postgres", "pg-promise", "psycopg2*", "psycopg", "psycopg-binary", "asyncpg", "tokio-postgres", "postgres-types", "image:postgres", "image:postgis", "gorm.io/driver/postgres"}},
		{"MySQL", "database", `mysql`, []string{"github.com/go-sql-driver/mysql", "mysql", "mysql2", "pymysql", "PyMySQL", "mysqlclient", "mysql-connector-python", "aiomysql", "image:mysql", "gorm.io/driver/mysql"}},
		{"MariaDB", "database", `mariadb`, []string{"mariadb", "image:mariadb"}},
		{"MongoDB", "database", `mongo(?:db)?`, []string{"go.mongodb.org/mongo-driver*", "mongodb", "mongoose", "pymongo", "motor", "mongoengine", "image:mongo"}},
		{"DynamoDB", "database", `dynamodb`, []string{"@aws-sdk/client-dynamodb", "@aws-sdk/lib-dynamodb", "github.com/aws/aws-sdk-go-v2/service/dynamodb", "aws-sdk-dynamodb", "pynamodb", "dynamoose", "image:dynamodb-local"}},
		{"Cassandra", "database", `cassandra`, []string{"github.com/gocql/gocql", "cassandra-driver", "image:cassandra"}},
		{"SQLite", "embedded database", `sqlite3?`, []string{"github.com/mattn/go-sqlite3", "modernc.org/sqlite", "better-sqlite3", "sqlite3", "rusqlite", "aiosqlite", "gorm.io/driver/sqlite"}},
		{"Redis", "cache", `redis`, []string{"github.com/redis/go-redis*", "github.com/go-redis/redis*", "redis", "ioredis", "image:redis"}},
		{"Memcached", "cache", `memcached?`, []string{"github.com/bradfitz/gomemcache", "memjs", "pymemcache", "image:memcached"}},
		{"RabbitMQ", "message broker", `rabbitmq`, []string{"github.com/rabbitmq/amqp091-go", "github.com/streadway/amqp", "amqplib", "pika", "lapin", "image:rabbitmq"}},
		{"Kafka", "message broker", `kafka`, []string{"github.com/segmentio/kafka-go", "github.com/IBM/sarama", "github.com/confluentinc/confluent-kafka-go*", "kafkajs", "kafka-python", "confluent-kafka", "rdkafka", "image:kafka", "image:cp-kafka"}},
		{"NATS", "message broker", `nats`, []string{"github.com/nats-io/nats.go", "nats", "nats-py", "async-nats", "image:nats"}},
		{"React", "frontend framework", `react(?:\.js)?`, []string{"react", "react-dom"}},
		{"Vue", "frontend framework", `vue(?:\.js)?`, []string{"vue"}},
		{"Angular", "frontend framework", `angular`, []string{"@angular/core"}},
		{"Svelte", "frontend framework", `svelte(?:kit)?`, []string{"svelte", "@sveltejs/kit"}},
		{"Next.js", "react framework", `next\.js`, []string{"next"}},
		{"Express", "Node.js framework", `express(?:\.js)?`, []string{"express"}},
		{"Fastify", "Node.js framework", `fastify`, []string{"fastify"}},
		{"NestJS", "Node.js framework", `nest\.?js`, []string{"@nestjs/core"}},
		{"Koa", "Node.js framework", `koa`, []string{"koa"}},
		{"Hono", "Node.js framework", `hono`, []string{"hono"}},
		{"Django", "Python framework", `django`, []string{"django", "Django"}},
		{"Flask", "Python framework", `flask`, []string{"flask", "Flask"}},
		{"FastAPI", "Python framework", `fastapi`, []string{"fastapi"}},
		{"Gin", "Go framework", `gin`, []string{"github.com/gin-gonic/gin"}},
		{"Echo", "Go framework", `echo`, []string{"github.com/labstack/echo*"}},
		{"Fiber", "Go framework", `fiber`, []string{"github.com/gofiber/fiber*"}},
		{"chi", "Go framework", `chi`, []string{"github.com/go-chi/chi*"}},
		{"Actix", "Rust framework", `actix(?:[- ]web)?`, []string{"actix-web"}},
		{"Axum", "Rust framework", `axum`, []string{"axum"}},
		{"Rocket", "Rust framework", `rocket`, []string{"rocket"}},
		{"Jest", "test runner", `jest`, []string{"jest", "ts-jest"}},
		{"Vitest", "test runner", `vitest`, []string{"vitest"}},
		{"Mocha", "test runner", `mocha`, []string{"mocha"}},
		{"Jasmine", "test runner", `jasmine`, []string{"jasmine", "jasmine-core"}},
		{"pytest", "Python test runner", `pytest`, []string{"pytest"}},
		{"nose", "Python test runner", `nose2?`, []string{"nose", "nose2"}},
		{"Playwright", "browser test runner", `playwright`, []string{"@playwright/test", "playwright", "pytest-playwright"}},
		{"Cypress", "browser test runner", `cypress`, []string{"cypress"}},
		{"Stripe", "payment service", `stripe`, []string{"github.com/stripe/stripe-go*", "stripe", "@stripe/stripe-js", "async-stripe"}},
		{"PayPal", "payment service", `paypal`, []string{"@paypal/checkout-server-sdk", "@paypal/paypal-server-sdk", "@paypal/react-paypal-js", "paypalrestsdk", "paypal-checkout-serversdk", "github.com/plutov/paypal*"}},
		{"Braintree", "payment service", `braintree`, []string{"braintree", "github.com/braintree-go/braintree-go"}},
		{"Adyen", "payment service", `adyen`, []string{"@adyen/api-library", "Adyen", "github.com/adyen/adyen-go-api-library*"}},
		{"Paddle", "payment service", `paddle`, []string{"@paddle/paddle-node-sdk", "paddle-python-sdk", "github.com/PaddleHQ/paddle-go-sdk*"}},
	}
}

func (t technology) is(pkg string) bool {
	return slices.ContainsFunc(t.packages, func(p string) bool {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			return strings.HasPrefix(pkg, prefix)
		}
		return p == pkg
	})
}

// A mention is a place in steering where a technology is named as one that is used.
type mention struct {
	file, phrase string
	at           place
	rest         string // what follows on the line
}

// denied are the words that make a line say that something is not used, or not here.
var denied = either(`not\b`, `never`, `no longer`, `don'?t`, `do not`, `avoid`, `instead of`, `rather than`, `without`, `legacy`, `formerly`, `previous`, `migrat`, `replac`, `deprecat`, `unlike`, `compared`, `alternativ`, `optional`,
	`future`, `planned`, `consider`, `if\b`, `or\b`, `e\.g\.`, `such as`, `like\b`, `example`, `similar`, `compatible`, `other projects?`, `external`, `upstream`, `client'?s?`, `supports?`)

// prose is a line of steering that states something: not code, not a heading's example, not a denial.
type prose struct {
	file string
	n    int
	text string
}

func (s *stack) proseOf(file spec.SteeringFile) (out []prose) {
	fenced := false
	for i, text := range strings.Split(string(s.tree.read(file.Path)), "\n") {
		if t := strings.TrimSpace(text); strings.HasPrefix(t, "```") || strings.HasPrefix(t, "~~~") {
			fenced = !fenced
			continue
		}
		if !fenced {
			out = append(out, prose{file.Path, i + 1, strings.TrimRight(text, "\r")})
		}
	}
	return out
}

// A stack compares the steering of one workspace with its manifests.
type stack struct {
	tree  *tree
	have  *manifests
	lines []prose
	found spec.Diagnostics
}

func (s *stack) report(code, file string, at place, subject, message, hint string) {
	s.found = append(s.found, spec.Diagnostic{Code: code, Severity: severityOf(code), File: file, Line: at.line, Column: at.column, Length: at.length, Subject: subject, Message: message, Hint: hint})
}

// stackFindings is what steering and manifests disagree on.
func stackFindings(t *tree, root string, files []spec.SteeringFile) spec.Diagnostics {
	s := &stack{tree: t}
	for _, f := range files {
		s.lines = append(s.lines, s.proseOf(f)...)
	}
	if len(s.lines) == 0 {
		return nil
	}
	s.have = t.manifests(root)
	if len(s.have.files) == 0 {
		return nil
	}
	s.technologies()
	s.languages()
	s.versions()
	return s.found
}

// named finds the first statement that a technology is used, and tells whether it is named at all.
func (s *stack) named(words string) (used *mention, anywhere bool) {
	re := regexp.MustCompile(`(?i)(?:^|[^\w@/.-])(` + words + `)(?:$|[^\w/-])`)
	for _, l := range s.lines {
		at := re.FindStringSubmatchIndex(l.text)
		if at == nil {
			continue
		}
		anywhere = true
		if denied.get().MatchString(l.text) {
			continue
		}
		return &mention{file: l.file, phrase: l.text[at[2]:at[3]], at: place{l.n, at[2] + 1, at[3] - at[2]}, rest: l.text[at[3]:]}, true
	}
	return nil, anywhere
}

func (s *stack) technologies() {
	type seen struct {
		technology
		used     *mention
		anywhere bool
		dep      *dependency
	}
	kinds := map[string][]*seen{}
	var all []*seen
	for _, t := range technologies() {
		x := &seen{technology: t}
		x.used, x.anywhere = s.named(t.words)
		for i, d := range s.have.direct {
			if t.is(d.name) {
				x.dep = &s.have.direct[i]
				break
			}
		}
		kinds[t.kind] = append(kinds[t.kind], x)
		all = append(all, x)
	}
	contradicted := map[string]bool{}
	for _, x := range all {
		if x.used == nil || x.dep != nil {
			continue
		}
		for _, rival := range kinds[x.kind] {
			if rival.dep == nil || rival.anywhere {
				continue
			}
			contradicted[rival.name] = true
			s.report("SPEC401", x.used.file, x.used.at, x.name, fmt.Sprintf("steering says %s; the project uses %s, through %s in %s:%d", x.name, rival.name, rival.dep.shown(), rival.dep.file, rival.dep.line),
				"mend the steering, or record why both are true")
			break
		}
	}
	for _, x := range all {
		if x.dep == nil || x.anywhere || contradicted[x.name] || s.says(x.dep.base()) {
			continue
		}
		if label := s.listed(x.kind); label != nil || slices.ContainsFunc(kinds[x.kind], func(y *seen) bool { return y.used != nil && y.dep != nil }) {
			s.report("SPEC402", x.dep.file, place{x.dep.line, x.dep.column, len(x.dep.name)}, x.name,
				fmt.Sprintf("%s is a direct dependency (%s, a %s); steering lists that kind and does not name it", x.dep.shown(), x.name, x.kind), "add it to the steering")
		}
	}
}

// labels are the words with which steering lists a kind.
func labels(kind string) string {
	switch {
	case strings.HasSuffix(kind, "database"):
		return `databases?|storage|persistence`
	case strings.HasSuffix(kind, "framework"):
		return `frameworks?`
	case strings.HasSuffix(kind, "test runner"):
		return `tests?|testing|test (?:runner|framework)s?`
	case kind == "payment service":
		return `payments?(?: provider| service)?`
	}
	return ""
}

// listed finds the line that lists a kind: "- Database: PostgreSQL". A kind of one ecosystem is listed only where its
// word says which.
func (s *stack) listed(kind string) *prose {
	words := labels(kind)
	if words == "" {
		return nil
	}
	re := regexp.MustCompile(`(?i)^\s*(?:[-*+]|\d+\.)?\s*(?:\*\*)?(?:` + words + `)(?:\*\*)?\s*(?:\*\*)?\s*:(?:\*\*)?\s*\S`)
	for i, l := range s.lines {
		if re.MatchString(l.text) {
			return &s.lines[i]
		}
	}
	return nil
}

func (s *stack) says(word string) bool {
	for _, l := range s.lines {
		if indexFold(l.text, word) >= 0 {
			return true
		}
	}
	return false
}

// base is the last element of a name that says something: the module without its major version.
func (d dependency) base() string {
	elems := strings.Split(strings.TrimPrefix(d.name, "image:"), "/")
	for len(elems) > 1 && majorSuffix.get().MatchString(elems[len(elems)-1]) {
		elems = elems[:len(elems)-1]
	}
	return elems[len(elems)-1]
}

var majorSuffix = lazy(`^v[0-9]+$`)

func (d dependency) shown() string {
	if image, ok := strings.CutPrefix(d.name, "image:"); ok {
		return "the image " + image
	}
	return d.base()
}

var languageLine = lazy(`(?i)^\s*(?:[-*+]|\d+\.)?\s*(?:\*\*)?((?:programming |primary |main |backend )?languages?)(?:\*\*)?\s*:(?:\*\*)?\s*(.+)$`)

// languages compares a line "Language: X" with the manifests' languages.
func (s *stack) languages() {
	for _, l := range s.lines {
		m := languageLine.get().FindStringSubmatchIndex(l.text)
		if m == nil || denied.get().MatchString(l.text) {
			continue
		}
		from := m[4]
		var said []string
		var at place
		for _, name := range []string{"Go", "TypeScript", "JavaScript", "Python", "Rust", "Java", "Kotlin", "Ruby", "PHP", "C#"} {
			re := regexp.MustCompile(`(?:^|[^\w-])(` + regexp.QuoteMeta(name) + `)(?:$|[^\w#+-])`)
			if name == "Go" {
				re = regexp.MustCompile(`(?:^|[^\w-])(Go|Golang)(?:$|[^\w#+-])`)
			}
			if x := re.FindStringSubmatchIndex(l.text[from:]); x != nil {
				if said = append(said, name); len(said) == 1 {
					at = place{l.n, from + x[2] + 1, x[3] - x[2]}
				}
			}
		}
		if len(said) != 1 || s.hasLanguage(said[0]) {
			continue
		}
		for _, rival := range sortedKeys(s.have.languages) {
			if rival == "Node.js" {
				continue
			}
			d := s.have.languages[rival]
			s.report("SPEC401", l.file, at, said[0], fmt.Sprintf("steering says %s; the project is written in %s, says %s", said[0], rival, d.file), "mend the steering, or record why both are true")
			break
		}
	}
}

func (s *stack) hasLanguage(name string) bool {
	if _, ok := s.have.languages[name]; ok {
		return true
	}
	ext := map[string]string{"Go": ".go", "TypeScript": ".ts", "JavaScript": ".js", "Python": ".py", "Rust": ".rs", "Java": ".java", "Kotlin": ".kt", "Ruby": ".rb", "PHP": ".php", "C#": ".cs"}[name]
	return slices.ContainsFunc(s.tree.files, func(f string) bool { return strings.HasSuffix(f, ext) })
}

var versionAfter = lazy(`^(?:\.js)?\*{0,2}\s*(?:version\s*)?[@:]?\s*(>=|≥|\^|~)?\s*v?(\d+(?:\.\d+)*)(\+|\.x|\s*(?:or (?:later|newer|above|higher)|and (?:later|above)))?`)

// versions compares "Go 1.22" and "stripe-go v76" with what the manifests demand.
func (s *stack) versions() {
	check := func(word, pattern string, d dependency) {
		if d.version == "" || len(word) < 2 {
			return
		}
		re := regexp.MustCompile(`(?:^|[^\w@/.-])(` + pattern + `)(?:\.js)?\*{0,2}(?:\s|@|:)`)
		for _, l := range s.lines {
			m := re.FindStringSubmatchIndex(l.text)
			if m == nil || denied.get().MatchString(l.text[:m[2]]) {
				continue
			}
			v := versionAfter.get().FindStringSubmatchIndex(l.text[m[3]:])
			if v == nil {
				continue
			}
			said := l.text[m[3]+v[4] : m[3]+v[5]]
			least := v[2] >= 0 || v[6] >= 0 && !strings.Contains(l.text[m[3]+v[6]:m[3]+v[7]], "x")
			if agree(said, d.version, least) {
				continue
			}
			s.report("SPEC402", l.file, place{l.n, m[3] + v[4] + 1, len(said)}, word, fmt.Sprintf("steering says %s %s; %s:%d has %s", word, said, d.file, d.line, d.version), "mend the steering")
			return
		}
	}
	for _, name := range sortedKeys(s.have.languages) {
		check(name, regexp.QuoteMeta(name), s.have.languages[name])
	}
	seen := map[string]bool{}
	for _, t := range technologies() {
		for _, d := range s.have.direct {
			if t.is(d.name) && !seen[t.name] && (!strings.Contains(d.name, "/") || strings.HasPrefix(d.name, "@")) && databaseOfItself(t, d) {
				seen[t.name] = true
				check(t.name, `(?i:`+t.words+`)`, d)
			}
		}
	}
	for _, d := range s.have.direct {
		if b := d.base(); !seen[b] && !strings.HasPrefix(d.name, "image:") && !slices.ContainsFunc(technologies(), func(t technology) bool { return strings.EqualFold(t.name, b) }) {
			seen[b] = true
			check(b, regexp.QuoteMeta(b), d)
		}
	}
}

// databaseOfItself tells whether the version of a package is that of the technology: a driver's version is not the
// database's, an image's is.
func databaseOfItself(t technology, d dependency) bool {
	if strings.HasPrefix(d.name, "image:") {
		return true
	}
	switch t.kind {
	case "database", "embedded database", "cache", "message broker", "payment service":
		return false
	}
	return true
}

// agree tells whether a version that prose names fits the one of a manifest: all the components that both have are the
// same, or, where prose says "or later", not greater.
func agree(said, have string, least bool) bool {
	a, b := strings.Split(said, "."), strings.Split(have, ".")
	for i := 0; i < len(a) && i < len(b); i++ {
		x, y := leading(a[i]), leading(b[i])
		if x != y {
			return least && x < y
		}
	}
	return true
}

func leading(s string) int {
	n := 0
	for i := 0; i < len(s) && s[i] >= '0' && s[i] <= '9' && n < 1<<20; i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n
}
