package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// runYAML prints what kubectl's YAML reader makes of the input: with the header "read: lines", of the text after
// "- " of each line by itself, as a value and as a key; otherwise of each document of the stream.
func runYAML(input []byte) ([]byte, error) {
	var out bytes.Buffer
	if mode := headers(input)["read"]; len(mode) == 0 || mode[0] != "lines" {
		for _, document := range readStream(input) {
			fmt.Fprintln(&out, document)
		}
		return out.Bytes(), nil
	}
	for _, line := range strings.Split(string(input), "\n") {
		text, ok := strings.CutPrefix(line, "- ")
		if !ok {
			continue
		}
		fmt.Fprintf(&out, "%s\t%s\t%s\n", text, member("v: "+text), member("? "+text+"\n: v"))
	}
	return out.Bytes(), nil
}

// member is the JSON of a map with one key, without its braces: the value under "v", or else the whole.
func member(text string) string {
	documents := readStream([]byte(text + "\n"))
	if len(documents) != 1 {
		return fmt.Sprintf("%d documents", len(documents))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(documents[0]), &fields); err != nil || len(fields) != 1 {
		return documents[0]
	}
	for key, value := range fields {
		if string(value) == `"v"` && key != "v" {
			quoted, _ := json.Marshal(key)
			return string(quoted)
		}
		return string(value)
	}
	return ""
}

// readStream reads documents as kubectl does; the first error ends the stream.
func readStream(input []byte) []string {
	var documents []string
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(input), 4096)
	for {
		document := runtime.RawExtension{}
		if err := decoder.Decode(&document); err == io.EOF {
			return documents
		} else if err != nil {
			return append(documents, "error: "+strings.ReplaceAll(err.Error(), "\n", "\\n"))
		}
		raw := bytes.TrimSpace(document.Raw)
		if len(raw) == 0 || string(raw) == "null" {
			documents = append(documents, "empty")
			continue
		}
		documents = append(documents, string(raw))
	}
}
