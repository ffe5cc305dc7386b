package cmd

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"spec.example/spec/tasks"
)

// TestConfigurationIsDocumented: the example of docs/configuration.md is read without an error, has every key that there is,
// and the page names every class of risk that a task may announce.
func TestConfigurationIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example")
	}
	var c config
	dec := yaml.NewDecoder(bytes.NewReader([]byte(example)))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		t.Fatal(err)
	}
	var keys func(of reflect.Type)
	keys = func(of reflect.Type) {
		if of.Kind() == reflect.Map || of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || of == reflect.TypeFor[approveConfig]() {
			return
		}
		for f := range of.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key != "file" && !strings.Contains(example, key+":") { // verify.coverage.file is refused
				t.Errorf("docs/configuration.md does not say what %q means", key)
			}
			keys(f.Type)
		}
	}
	keys(reflect.TypeFor[config]())
	if _, err := (tasks.Verification{}).WithPreset(c.Verify.Preset); err != nil {
		t.Error(err)
	}
}
