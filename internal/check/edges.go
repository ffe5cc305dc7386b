package check

import (
	"fmt"
	"regexp"
	"strings"

	"spec.example/spec/spec"
)

// edgeRules are about the cases that a requirement leaves out: what happens when the other side is down, answers late,
// asks twice, and what must not be in a log. They guess, by tables of English words.
func edgeRules() []Rule {
	return []Rule{
		{Code: "SPEC012", Name: "missing-edge-dependency-down", Severity: spec.Note, Guesses: true, Measured: Measure{1, 2},
			Text:  "A requirement calls somebody else's service, and no criterion says what happens when that fails.",
			Wrong: "WHEN a user subscribes THEN the system SHALL create the subscription through Stripe",
			Right: "IF Stripe is unavailable THEN the system SHALL answer 503 and charge nothing"},
		{Code: "SPEC013", Name: "missing-edge-timeout", Severity: spec.Note, Guesses: true,
			Text:  "A criterion waits for something remote without a time limit.",
			Wrong: "WHEN a payment is made THEN the system SHALL wait for the webhook",
			Right: "WHEN no webhook came within 30 seconds THEN the system SHALL show the payment as pending"},
		{Code: "SPEC014", Name: "missing-edge-duplicate", Severity: spec.Warning, Guesses: true, Measured: Measure{1, 1},
			Text:  "A criterion creates, charges or sends something that must not happen twice, and nothing says what a repeated request does.",
			Wrong: "WHEN a user pays THEN the system SHALL charge the card",
			Right: "WHEN the same request comes again THEN the system SHALL answer with the first charge and make no other"},
		{Code: "SPEC015", Name: "missing-never-logged", Severity: spec.Warning, Guesses: true, Measured: Measure{1, 1},
			Text:  "A requirement handles a secret or personal data, and nothing says that it is never logged or shown.",
			Wrong: "WHEN a user signs up THEN the system SHALL store the password as a hash",
			Right: "THE system SHALL NOT write a password to a log"},
	}
}

var (
	parties = lazy(`\b(Stripe|PayPal|Adyen|Braintree|Paddle|Twilio|SendGrid|Mailgun|Postmark|OpenAI|Anthropic|Gemini API|Auth0|Okta|Cognito|Firebase|Shopify|Plaid|Algolia|Cloudinary|Mapbox|Infura|Alchemy|Pinata|` +
		`Bedrock(?:[_ ]Knowledge[_ ]Base)?|IPFS|(?:Amazon|AWS)[_ ](?:S3|SES|SNS|SQS|Translate|Transcribe|Polly|Bedrock|Rekognition|Comprehend|Textract|Lambda)|Google (?:Maps|Calendar|Drive|Cloud)|GitHub API|Slack API|` +
		`[Ee]xternal (?:API|service|provider|system)s?|[Tt]hird[- ]party (?:API|service|provider)s?|[Rr]emote (?:API|service)s?)\b`)
	// calls is what a sentence says before the party: a verb that asks it for something.
	calls = lazy(`(?i)\b(?:calls?|invokes?|quer(?:y|ies)|fetch(?:es)?|requests?|sends?|retrieves?|uploads?|downloads?|submits?|publish(?:es)?|creates?|charges?|connects? to|authenticates?|obtains?|syncs?|synchroni[sz]es?|pins?|stores?)\b[^.;]*$`)
	fails = either(`fail`, `unavailab`, `down\b`, `unreachab`, `time[sd]? ?out`, `timeout`, `offline`, `retr(?:y|ies)`, `fall(?:s)? ?back`, `fallback`, `not respond`, `error`, `declin`, `exception`, `outage`, `cannot be reached`, `lost`, `reject`)

	waits = lazy(`(?i)\b(?:wait(?:s|ing)? (?:for|until|on)|poll(?:s|ing)?|block(?:s)? until|await(?:s)?)\b`)
	// remote is what answers in its own time; waiting for a person has no limit by intention.
	remote = either(`webhook`, `api\b`, `response`, `server`, `service`, `callback`, `confirmation from`, `gateway`, `provider`, `endpoint`, `network`, `transaction`, `upload`, `download`, `connection`, `jobs?\b`, `transcription`, `reply`, `acknowledg`, `status`)
	person = either(`user`, `human`, `person`, `admin`, `operator`, `bootcamper`, `approval`, `keyboard`, `input`, `click`, `customer`, `answer`, `developer`)
	limits = lazy(`(?i)time[- ]?outs?\b|timed? out|deadline|[0-9]+ ?(?:ms|s|sec|seconds?|minutes?|min|hours?|milliseconds?)\b|at most|up to|maximum|max(?:imum)? (?:attempts|retries)|within`)

	// intervals say how often, which is no limit.
	intervals = lazy(`(?i)\b(?:every|at intervals of|each|in intervals of)\s+[0-9]+ ?\w+`)

	once = lazy(`(?i)\b(?:charg(?:e|es)|creat(?:e|es)|process(?:es)?|submit(?:s)?|send(?:s)?|issu(?:e|es)|initiat(?:e|es)|plac(?:e|es)|transfer(?:s)?|refund(?:s)?|book(?:s)?|publish(?:es)?)\s+` +
		`(?:(?:a|an|the|one|their|its|new|that|this|each|full|confirmed|pending|customer'?s?|user'?s?|confirmation|welcome|reset|verification|notification|invitation|payment|push)\s+){0,4}` +
		`(payments?|charges?|cards?|refunds?|orders?|invoices?|subscriptions?|payouts?|bookings?|reservations?|e?-?mails?|sms|transactions?|withdrawals?|deposits?|donations?|bets?)\b`)
	repeated = either(`duplicat`, `idempoten`, `already`, `twice`, `only once`, `exactly once`, `at most once`, `at most one`, `once per`, `unique`, `same (?:key|request|order|event|email)`, `again`, `repeat`, `resubmi`, `re-submi`, `replay`, `double`, `dedup`, `exists`)

	secrets = lazy(`(?i)\b(passwords?|passcodes?|api keys?|access tokens?|refresh tokens?|secret keys?|private keys?|card numbers?|card data|credit cards?|cvv|cvc|social security numbers?|ssn|bank accounts?|pii|personal (?:data|information)|health records?|passport numbers?|biometric data|seed phrases?|mnemonics?)\b`)
	handles = either(`stor(?:e|es|ing)\b`, `sav(?:e|es|ing)\b`, `persist`, `collect`, `encrypt`, `hash(?:es|ing)?\b`, `transmit`, `accept`, `record(?:s)?\b`, `keep`, `retain`, `writ(?:e|es|ing)\b`, `submit`, `send(?:s)?\b`, `receiv`)
	hidden  = lazy(`(?i)(?:\b(?:not|never|without|no|exclud\w+|prevent\w*|avoid\w*)\b.{0,60}\b(?:logs?|logged|logging|print\w*|expos\w*|display\w*|reveal\w*|leak\w*|includ\w*|contain\w*|return\w*|plain ?text|committed|transmit\w*|stor\w*|persist\w*)\b)|redact|mask|sanitiz|obfuscat|scrub|anonymi[sz]|censor`)
)

func (s *subject) edges(list []*statement) {
	said := map[string]bool{} // one finding a requirement and rule
	first := func(code string, x *statement) bool {
		key := code + " " + x.Parent
		if x.Parent == "" {
			key = code + " " + x.ID
		}
		if said[key] {
			return false
		}
		said[key] = true
		return true
	}
	neverLogged := anyMatch(list, hidden.get())
	for _, x := range list {
		if x.modal == "" || strings.HasPrefix(strings.TrimSpace(strings.ToLower(x.outcome)), "not ") {
			continue
		}
		s.partyDown(x, list, first)
		s.endlessWait(x, first)
		s.twice(x, list, first)
		if w := secrets.get().FindString(x.text); w != "" && !neverLogged && handles.get().MatchString(x.outcome) && secrets.get().MatchString(x.outcome) && first("SPEC015", x) {
			w = secrets.get().FindString(x.outcome)
			s.about("SPEC015", x.Requirement, w, fmt.Sprintf("criterion %s handles a %s, and nothing says that it is never logged", x.ID, strings.ToLower(w)), "add: THE system SHALL NOT log it")
		}
	}
}

func (s *subject) partyDown(x *statement, list []*statement, first func(string, *statement) bool) {
	text := bare(x.outcome)
	at := parties.get().FindStringIndex(text)
	if at == nil || !calls.get().MatchString(text[:at[0]]) || anyMatch(x.group, fails.get()) {
		return
	}
	w := text[at[0]:at[1]]
	for _, y := range list { // another requirement may say it for this party
		if strings.Contains(y.text, w) && fails.get().MatchString(y.text) {
			return
		}
	}
	if first("SPEC012", x) {
		s.about("SPEC012", x.Requirement, w, fmt.Sprintf("criterion %s calls %s; nothing says what happens when that is down", x.ID, w), fmt.Sprintf("add: IF %s is unavailable THEN …", w))
	}
}

func (s *subject) endlessWait(x *statement, first func(string, *statement) bool) {
	w := waits.get().FindString(x.outcome)
	if w == "" || negated(x.outcome[:strings.Index(x.outcome, w)]) {
		return
	}
	_, object, _ := strings.Cut(x.outcome, w)
	if !remote.get().MatchString(object) || person.get().MatchString(object) {
		return
	}
	for _, y := range x.group {
		if limits.get().MatchString(intervals.get().ReplaceAllString(y.text, "")) {
			return
		}
	}
	if first("SPEC013", x) {
		s.about("SPEC013", x.Requirement, w, fmt.Sprintf("criterion %s waits without a limit", x.ID), "say how long at most, and what happens then")
	}
}

func (s *subject) twice(x *statement, list []*statement, first func(string, *statement) bool) {
	m := once.get().FindStringSubmatch(x.outcome)
	if m == nil || anyMatch(x.group, repeated.get()) || !first("SPEC014", x) {
		return
	}
	object := either(regexp.QuoteMeta(strings.TrimSuffix(strings.ToLower(m[1]), "s")))
	for _, y := range list {
		if object.get().MatchString(y.text) && repeated.get().MatchString(y.text) {
			return
		}
	}
	s.about("SPEC014", x.Requirement, m[0], fmt.Sprintf("criterion %s: nothing says what a repeated request does", x.ID), "say how a repeat is recognised, and what it is answered")
}
