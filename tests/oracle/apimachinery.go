package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// rules are the checks of single texts, by name.
var rules = map[string]func(string) []string{
	"label":              utilvalidation.IsDNS1123Label,
	"subdomain":          utilvalidation.IsDNS1123Subdomain,
	"wildcard-subdomain": utilvalidation.IsWildcardDNS1123Subdomain,
	"qualified-name":     utilvalidation.IsQualifiedName,
	"label-value":        utilvalidation.IsValidLabelValue,
	"port-name":          utilvalidation.IsValidPortName,
	"percent":            utilvalidation.IsValidPercent,
	"variable":           utilvalidation.IsRelaxedEnvVarName,
	"config-key":         utilvalidation.IsConfigMapKey,
	"ip": func(text string) []string {
		return details(utilvalidation.IsValidIPForLegacyField(field.NewPath("x"), text, true, nil))
	},
	"cidr": func(text string) []string {
		return details(utilvalidation.IsValidCIDRForLegacyField(field.NewPath("x"), text, true, nil))
	},
}

func details(list field.ErrorList) []string {
	var texts []string
	for _, e := range list {
		texts = append(texts, e.Detail)
	}
	return texts
}

// runAPIMachinery answers each line "RULE JSON": what is wrong with a name; what a quantity is stored as; what an
// IntOrString is read as; what is wrong with a label selector, or whether it takes the labels beside it.
func runAPIMachinery(input []byte) ([]byte, error) {
	var out bytes.Buffer
	for _, line := range strings.Split(string(input), "\n") {
		rule, argument, ok := strings.Cut(line, " ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		answer, err := judge(rule, []byte(argument))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		fmt.Fprintf(&out, "%s\t%s\n", line, compact(answer))
	}
	return out.Bytes(), nil
}

// compact is one line of JSON with <, > and & as they are.
func compact(value any) string {
	out, _ := indented(value, "")
	return strings.TrimSpace(string(out))
}

// indented is JSON with <, > and & as they are.
func indented(value any, indent string) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(value)
	return out.Bytes(), err
}

func judge(rule string, argument []byte) (any, error) {
	failure := func(err error) (any, error) { return map[string]string{"error": err.Error()}, nil }
	switch rule {
	case "quantity":
		var q resource.Quantity
		if err := json.Unmarshal(argument, &q); err != nil {
			return failure(err)
		}
		rounded := q.DeepCopy()
		rounded.RoundUp(-3)
		return []resource.Quantity{q, rounded}, nil
	case "int-or-string":
		var v intstr.IntOrString
		if err := json.Unmarshal(argument, &v); err != nil {
			return failure(err)
		}
		return v, nil
	case "selector":
		var pair struct {
			Selector metav1.LabelSelector
			Labels   map[string]string
		}
		if err := json.Unmarshal(argument, &pair); err != nil {
			return failure(err)
		}
		var wrong []string
		for _, e := range validation.ValidateLabelSelector(&pair.Selector, validation.LabelSelectorValidationOptions{}, field.NewPath("selector")) {
			wrong = append(wrong, e.Error())
		}
		if wrong != nil {
			return wrong, nil
		}
		selector, err := metav1.LabelSelectorAsSelector(&pair.Selector)
		if err != nil {
			return failure(err)
		}
		return selector.Matches(labels.Set(pair.Labels)), nil
	}
	check, known := rules[rule]
	if !known {
		return nil, fmt.Errorf("no rule %q", rule)
	}
	var text string
	if err := json.Unmarshal(argument, &text); err != nil {
		return nil, err
	}
	wrong := check(text)
	if wrong == nil {
		wrong = []string{}
	}
	return wrong, nil
}

// fuzzAPIMachinery asks about texts that are nearly right.
func fuzzAPIMachinery(r *random) []byte {
	out := "# Generated texts, most nearly right.\n"
	for n := 0; n < 40; n++ {
		switch r.IntN(4) {
		case 0:
			out += "quantity " + compact(quantityText(r)) + "\n"
		case 1:
			out += "int-or-string " + compact(pick(r, badEither...)) + "\n"
		case 2:
			out += "selector " + compact(map[string]any{"selector": randomSelector(r), "labels": randomLabels(r)}) + "\n"
		default:
			rule := pick(r, sortedKeys(rules)...)
			text := fmt.Sprint(pick(r, badNames...))
			switch {
			case rule == "ip" || rule == "cidr":
				text = fmt.Sprint(pick(r, pick(r, badIPs...), pick(r, badCIDRs...)))
			case r.chance(2):
				text = mutated(r, pick(r, "web", "app.kubernetes.io/name", "a-b.c-d", "10.0.0.1", "fe80::1/64", "*.example.com", "http-alt", "50%", "PATH_X"))
			}
			out += rule + " " + compact(text) + "\n"
		}
	}
	return []byte(out)
}

// mutated is a text with a few characters put in, left out or repeated.
func mutated(r *random, text string) string {
	for n := r.IntN(4); n > 0; n-- {
		at := r.IntN(len(text) + 1)
		switch r.IntN(3) {
		case 0:
			text = text[:at] + pick(r, "-", ".", "_", "/", "A", "0", " ", "é", "*", "%", "a", ":", "~") + text[at:]
		case 1:
			text = text[:at] + strings.Repeat(pick(r, "a", "b-", "c."), 1+r.IntN(64)) + text[at:]
		default:
			if at < len(text) {
				text = text[:at] + text[at+1:]
			}
		}
		text = strings.ToValidUTF8(text, "")
	}
	return text
}

func quantityText(r *random) any {
	if r.chance(3) {
		return pick(r, badQuantities...)
	}
	digits := func(most int) string {
		text := ""
		for n := r.IntN(most + 1); n > 0; n-- {
			text += fmt.Sprint(r.IntN(10) * r.IntN(2))
		}
		return text
	}
	number := pick(r, "", "", "-", "+") + digits(pick(r, 2, 4, 8, 20, 45))
	if r.chance(3) {
		number += "." + digits(pick(r, 2, 4, 12))
	}
	return number + pick(r, "", "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E3", "e-3", "e+2", "e30", "e400", "e-400", "e", "K", "i", " ", "mm", "e9", "e-9")
}

func randomLabels(r *random) map[string]string {
	found := map[string]string{}
	for n := r.IntN(4); n > 0; n-- {
		found[pick(r, "app", "tier", "a/b", "x")] = pick(r, "web", "db", "", "a")
	}
	return found
}

func randomSelector(r *random) map[string]any {
	selector := map[string]any{}
	if r.chance(2) {
		selector["matchLabels"] = randomLabels(r)
	}
	var expressions []any
	for n := r.IntN(3); n > 0; n-- {
		key := pick(r, "app", "tier", "a/b", "x")
		if r.chance(8) {
			key = fmt.Sprint(pick(r, badNames...))
		}
		expression := map[string]any{"key": key, "operator": pick(r, "In", "NotIn", "Exists", "DoesNotExist", "In", "Equals", "")}
		if !r.chance(3) {
			expression["values"] = pick(r, []string{"web"}, []string{"web", "db"}, []string{""}, []string{}, []string{"a b"})
		}
		expressions = append(expressions, expression)
	}
	if expressions != nil {
		selector["matchExpressions"] = expressions
	}
	return selector
}
