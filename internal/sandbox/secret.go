package sandbox

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"spec.example/spec/internal/guard"
)

// shapes are the tokens whose issuers document how they look, so that they can be told from other words.
var shapes = sync.OnceValue(func() []shape {
	var all []shape
	for _, s := range []struct{ name, hints, pattern string }{
		{"a private key", "PRIVATE KEY", `-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----`},
		{"a Stripe key", "_live_ whsec_", `\b(?:sk|rk)_live_[0-9A-Za-z]{12,}|\bwhsec_[0-9A-Za-z+/]{24,}`},
		{"an AWS key", "AKIA ASIA ABIA ACCA", `\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b`},
		{"a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", `\bgh[pousr]_[0-9A-Za-z]{20,}|\bgithub_pat_[0-9A-Za-z_]{22,}`},
		{"a GitLab token", "glpat- glptt- gldt- glrt- glcbt- glagent- gloas-", `\bgl(?:pat|ptt|dt|rt|cbt|agent|oas)-[0-9A-Za-z_-]{20,}`},
		{"a Slack token", "xox xapp-", `\bxox[abeoprs]-[0-9A-Za-z-]{10,}|\bxapp-[0-9]-[0-9A-Za-z-]{10,}`},
		{"a key of an AI service", "sk-", `\bsk-(?:ant-|proj-|or-|svcacct-)?[0-9A-Za-z_-]{32,}`},
		{"a Google key", "AIza ya29. GOCSPX-", `\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,}|\bGOCSPX-[0-9A-Za-z_-]{20,}`},
		{"an npm token", "npm_", `\bnpm_[0-9A-Za-z]{36}`},
		{"a PyPI token", "pypi-", `\bpypi-[0-9A-Za-z_-]{50,}`},
		{"a SendGrid key", "SG.", `\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}`},
		{"a Hugging Face token", "hf_", `\bhf_[0-9A-Za-z]{30,}`},
		{"a signed token", "eyJ", `\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}`},
		{"a password in an address", "://", `\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@"'$<{]{1,100}:[^\s/@"'$<{]{6,100}@[^\s/"']{0,100}[a-z0-9]`},
	} {
		all = append(all, shape{s.name, strings.Fields(s.hints), regexp.MustCompile(s.pattern)})
	}
	return all
})

type shape struct {
	name    string
	hints   []string // one of them stands in whatever fits the pattern
	pattern *regexp.Regexp
}

// around is how far before and after a hint a pattern is tried: a line may be 100 MB long.
const around = 600

// find returns the first text that fits, or nothing.
func (s shape) find(line string) string {
	for _, hint := range s.hints {
		for from := 0; ; {
			i := strings.Index(line[from:], hint)
			if i < 0 {
				break
			}
			at := from + i
			for _, found := range s.pattern.FindAllString(line[max(0, at-around):min(len(line), at+around)], -1) {
				if !strings.Contains(found, "://") || !local(found) {
					return found
				}
			}
			from = at + len(hint)
		}
	}
	return ""
}

// Secret names the kind of secret that a line seems to hold, or is empty. A password in the address of this very machine is
// none: examples and tests are full of them.
func Secret(line string) string {
	for _, s := range shapes() {
		if s.find(line) != "" {
			return s.name
		}
	}
	return ""
}

func local(address string) bool {
	host := address[strings.LastIndexByte(address, '@')+1:]
	host, _, _ = strings.Cut(host, ":")
	return slices.Contains([]string{"localhost", "127.0.0.1", "db", "postgres", "mysql", "redis", "example.com", "example.org"}, host)
}

// Hidden stands for what Hide leaves out.
const Hidden = "[masked]"

// Hide returns text without the words that look like secrets, and without the values.
func Hide(text string, values ...string) string {
	if !guard.On(guard.Secrets) {
		return text
	}
	for _, v := range values {
		if v != "" {
			text = strings.ReplaceAll(text, v, Hidden)
		}
	}
	text = privateKey().ReplaceAllString(text, Hidden)
	for _, s := range shapes() {
		if !slices.ContainsFunc(s.hints, func(hint string) bool { return strings.Contains(text, hint) }) {
			continue
		}
		text = s.pattern.ReplaceAllStringFunc(text, func(found string) string {
			if strings.Contains(found, "://") && local(found) {
				return found
			}
			return Hidden
		})
	}
	return text
}

// privateKey is a whole key, as far as it is there.
var privateKey = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[0-9A-Za-z+/=:,\s\\]*(?:-----END [A-Z0-9 ]*-----)?`)
})

// Values are what the named variables hold in env and what must not be read in any log. Short ones are too common, and a path
// is no secret.
func Values(env, names []string) []string {
	var values []string
	for _, name := range names {
		if value := lookup(env, name); len(value) >= 8 && !filepath.IsAbs(value) {
			values = append(values, value)
		}
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	return values
}
