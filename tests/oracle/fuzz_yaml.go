package main

import (
	"fmt"
	"strings"
)

// fuzzYAML writes scalars in many spellings, or a stream with something odd in it.
func fuzzYAML(r *random) []byte {
	if r.chance(2) {
		out := "# read: lines\n"
		for n := 0; n < 30; n++ {
			out += "- " + scalar(r) + "\n"
		}
		return []byte(out)
	}
	docs := []string{}
	for n := 1 + r.IntN(3); n > 0; n-- {
		docs = append(docs, oddDocument(r))
	}
	return []byte(strings.Join(docs, pick(r, "---\n", "---\n", "--- \n", "---\n---\n", "---\n# nothing\n---\n", "...\n---\n", "--- # a comment\n")))
}

// scalar is a number, a word or a quoted text as YAML 1.1 or 1.2 may read them.
func scalar(r *random) string {
	digits := func(set string, most int) string {
		text := ""
		for n := 1 + r.IntN(most); n > 0; n-- {
			at := r.IntN(len(set))
			text += set[at : at+1]
		}
		return text
	}
	switch r.IntN(9) {
	case 0:
		return pick(r, "yes", "Yes", "YES", "no", "on", "On", "off", "OFF", "y", "Y", "n", "N", "true", "True", "TRUE", "tRue", "false", "null", "Null", "NULL", "~", "nil", "None", "<<", "=")
	case 1:
		return pick(r, "", "-", "+") + digits("0123456789", 22)
	case 2:
		return pick(r, "", "-", "+") + pick(r, "0x", "0o", "0b", "0", "0X", "0O") + digits("0123456789abcdefABCDEF_", 8)
	case 3:
		return pick(r, "", "-", "+") + digits("0123456789", 5) + pick(r, ".", ".", "e", "E+", "e-", ".5e") + digits("0123456789_", 5)
	case 4:
		return pick(r, ".5", ".inf", "-.inf", "+.INF", ".NaN", ".nan", "1.", "1.e3", ".e3", "1e", "0.0", "-0", "-0.0", "1e400", "1e-400", "1_000", "_1", "1__0", "0_1", "1:30", "1:30:15", "12:30:45.6", "2001-01-01", "2001-1-1", "2001-01-01T00:00:00Z", "2001-12-14 21:59:43.10 -5", "0.1.2", "1,000")
	case 5:
		return fmt.Sprintf("%q", mutated(r, pick(r, "a b", "x: y", "yes", "80", "#", "a\nb", "é")))
	case 6:
		return "'" + strings.ReplaceAll(mutated(r, pick(r, "a b", "x: y", "on", "8080", "it''s")), "'", "''") + "'"
	case 7:
		return pick(r, "!!str 80", "!!int \"80\"", "!!bool yes", "!!float 1", "!!null x", "!!str", "!foo bar", "!!binary aGk=", "!!int 0o7", "!!str yes", "!!float 0x1F", "!!map {}", "!!seq []", "!!set {a, b}", "!!timestamp 2001-01-01", "! 80", "!!str 'x'")
	default:
		return mutated(r, pick(r, "web", "nginx:1.27", "a b", "http://x/y", "a#b", "a #b", "[a, b]", "{a: b}", "-a", "key", "a:b", "x,y", "v1.2.3", "10.0.0.1", "100m", "1Gi"))
	}
}

// oddDocument is an object in a style, or with a line, that readers differ about.
func oddDocument(r *random) string {
	text := written(r, anyGood(r))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for n := r.IntN(3); n > 0; n-- {
		at := r.IntN(len(lines))
		switch r.IntN(14) {
		case 0:
			lines = append(lines[:at+1], lines[at:]...)
		case 1:
			lines[at] = "\t" + lines[at]
		case 2:
			lines[at] = " " + lines[at]
		case 3:
			lines[at] = strings.TrimPrefix(lines[at], " ")
		case 4:
			lines[at] += " # a comment"
		case 5:
			lines[at] += "#not a comment"
		case 6:
			key, _, _ := strings.Cut(lines[at], ":")
			lines[at] = key + ": " + scalar(r)
		case 7:
			lines[at] = strings.Replace(lines[at], ": ", ":", 1)
		case 8:
			lines[at] += pick(r, ":", ": x", " \"", " '", " ]", " }", " |", " >", " &a", " *a", ",", " -")
		case 9:
			indent := lines[at][:len(lines[at])-len(strings.TrimLeft(lines[at], " -"))]
			lines[at] = indent + pick(r, "? x", "<<: {a: b}", "<<: *a", "a: &a {b: c}", "\"a\": 'b'", "a: |\n"+indent+"  text\n"+indent+"  more", "a: >-\n"+indent+"  text\n"+indent+"  more", "a: [1, 2,]", "a: {b, c: d}", "on: yes", "12: 0o14", "- x", "%YAML 1.1", "...", "---", "a: {b: [c, {d: e}]}", "a: b: c", "'a", "\"a", "[a", "{a", "@a", "`a", "? [a]\n"+indent+": b")
		case 10:
			lines = append(lines[:at], append([]string{pick(r, "", "   ", "# comment", "\t", "  # indented", "---", "...", "--- x", "--- {}", "---\tx")}, lines[at:]...)...)
		case 11:
			return strings.Join(lines, "\r\n") + "\r\n"
		case 12:
			return "\ufeff" + strings.Join(lines, "\n") + "\n"
		default:
			return compactJSON(lines)
		}
	}
	return strings.Join(lines, "\n") + pick(r, "\n", "\n", "\n", "", "\n\n", "\n...\n")
}

// compactJSON is the document as JSON, where it can be read.
func compactJSON(lines []string) string {
	documents := readStream([]byte(strings.Join(lines, "\n") + "\n"))
	if len(documents) == 1 && strings.HasPrefix(documents[0], "{") {
		return documents[0] + "\n"
	}
	return strings.Join(lines, "\n") + "\n"
}
